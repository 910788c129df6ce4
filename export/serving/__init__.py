"""TF Serving: the server's files, and an engine whose networks run on a server.

docker-compose.yml  models.config  batching_parameters.txt  monitoring.config
psfr restore PHOTO ... --server HOST:PORT --output DIR
"""
