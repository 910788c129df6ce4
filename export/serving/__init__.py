"""TF Serving: the server's files, and a client that runs detection and paste-back itself.

docker-compose.yml  models.config  batching_parameters.txt  monitoring.config
python -m psfr_tf.export.serving.client PHOTO ... --address HOST:PORT --output DIR
"""
