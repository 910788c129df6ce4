"""The GAN step on drawn faces: what it changes, what it reports, in each precision."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from psfr_tf.data.toy_faces import draw_face
from psfr_tf.models import FaceParsingNetwork, Generator, MultiScaleDiscriminator
from psfr_tf.training.adam import Adam
from psfr_tf.training.parsing_trainer import FaceParsingTrainer, PresentClassIoU
from psfr_tf.training.psfrgan import PSFRGAN


@pytest.fixture(scope="module")
def batch():
    faces = [draw_face(seed, 64) for seed in range(2)]
    hq = np.stack([rgb for rgb, _ in faces]).astype("float32") / 127.5 - 1.0
    low = tf.image.resize(tf.image.resize(hq, (16, 16), "area"), (64, 64), "bicubic")
    labels = np.stack([labels for _, labels in faces])
    return {"lq": low, "hq": tf.constant(hq), "parsing": tf.constant(labels)}


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(3)


@pytest.fixture
def precision():
    policy = keras.config.dtype_policy()
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy(policy)


def build(rate=1e-3, **arguments):
    name = "psfr-test-64"
    parsing = FaceParsingNetwork.from_preset(name, load_weights=False)
    settings = {
        "form": "release",
        "pixel": "l1",
        "adversarial_weight": 0.1,
        "feature_matching_weight": 1.0,
        "style_weight": 10.0,
        "texture_weight": 10.0,
        "chroma_weight": 1.0,
        "perceptual_weight": 0.01,
        "identity_weight": 0.01,
        "descriptor": lambda faces: keras.ops.mean(faces, axis=(1, 2)),
        "ema_half_life": 50.0,
        **arguments,
    }
    adversarial = settings["adversarial_weight"]
    model = PSFRGAN(
        Generator.from_preset(name, load_weights=False),
        MultiScaleDiscriminator.from_preset(name, load_weights=False) if adversarial else None,
        parsing,
        parsing.encode if settings["style_weight"] else None,
        **settings,
    )
    model.compile(Adam(rate, beta_1=0.5), Adam(4 * rate, beta_1=0.5) if adversarial else None)
    return model


def snapshot(network):
    return network.get_weights()


def changed(network, before):
    return [
        not np.array_equal(new, old) for new, old in zip(snapshot(network), before, strict=True)
    ]


def test_one_step_updates_both_networks_and_not_the_parsing_network(batch):
    model = build()
    networks = (model.generator, model.discriminator, model.parsing_network)
    before = [snapshot(network) for network in networks]
    logs = model.train_step(batch)
    assert set(logs) == {
        "loss_g", "pixel", "chroma", "style", "texture", "perceptual", "identity",
        "feature_matching",
        "adversarial_g", "adversarial_d", "gradient_norm_g", "gradient_norm_d",
        "score_real_0", "score_fake_0", "score_real_1", "score_fake_1",
    }  # fmt: skip
    parts = set(logs) & {"pixel", "chroma", "style", "texture", "perceptual", "identity"}
    parts |= {"adversarial_g", "feature_matching"}
    assert float(logs["loss_g"]) == pytest.approx(sum(float(logs[part]) for part in parts))
    assert all(changed(model.generator, before[0])[:2])
    assert sum(changed(model.discriminator, before[1])) > 0.8 * len(before[1])
    assert not any(changed(model.parsing_network, before[2]))
    assert int(model.images_seen) == 2


def test_without_a_map_the_parsing_network_reads_hq(batch):
    data = {"lq": batch["lq"], "hq": batch["hq"]}
    keras.utils.set_random_seed(4)
    without = build().train_step(data)
    keras.utils.set_random_seed(4)
    model = build()
    parsing = tf.argmax(model.parsing_network(batch["hq"], training=False)["logits"], -1)
    given = model.train_step({**data, "parsing": parsing})
    assert float(without["style"]) == pytest.approx(float(given["style"]), rel=1e-5)
    assert float(without["loss_g"]) == pytest.approx(float(given["loss_g"]), rel=1e-5)


def test_discriminator_is_not_run_without_adversarial_weight(batch):
    model = build(adversarial_weight=0.0, feature_matching_weight=0.0)
    assert model.discriminator is None and model.d_optimizer is None
    names = {"loss_g", "pixel", "chroma", "style", "texture", "perceptual", "identity"}
    assert set(model.train_step(batch)) == names | {"gradient_norm_g"}


@pytest.mark.slow
def test_loss_decreases(batch):
    names = ("adversarial", "feature_matching", "style", "texture", "perceptual", "identity")
    off = [f"{name}_weight" for name in names]
    model = build(rate=3e-3, **dict.fromkeys(off, 0.0))
    data = tf.data.Dataset.from_tensors(batch).repeat()
    history = model.fit(data, epochs=2, steps_per_epoch=30, verbose=0).history["pixel"]
    assert history[1] < 0.8 * history[0]


@pytest.mark.slow
def test_steps_agree_between_graph_and_eager(batch):
    keras.utils.set_random_seed(5)
    eager = build()
    keras.utils.set_random_seed(5)
    graph = build()
    eager_logs, graph_logs = eager.train_step(batch), tf.function(graph.train_step)(batch)
    for name, value in eager_logs.items():
        assert float(graph_logs[name]) == pytest.approx(float(value), rel=1e-4), name
    for one, other in zip(
        snapshot(eager.discriminator), snapshot(graph.discriminator), strict=True
    ):
        if one.ndim == 1:  # u and v: every power iteration happened, in the same order
            np.testing.assert_allclose(one, other, atol=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(batch, precision, policy):
    keras.utils.set_random_seed(7)
    expected = build().train_step(batch)
    precision(policy)
    keras.utils.set_random_seed(7)
    model = build()
    scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert scaled == (policy == "mixed_float16")
    before = snapshot(model.generator)
    logs = model.train_step(batch)
    for name, value in logs.items():
        assert value.dtype == tf.float32
        assert float(value) == pytest.approx(float(expected[name]), rel=0.1, abs=0.02), name
    assert all(weight.dtype == "float32" for weight in model.generator.weights)
    assert any(changed(model.generator, before))
    assert all(np.isfinite(weight).all() for weight in snapshot(model.generator))


def test_validation_measures_the_averaged_generator(batch):
    model = build()
    averaged = model.average.network
    model.average.network = lambda inputs, training: 0.5 * batch["hq"] + 0.2  # 0.1 of the range
    logs = model.test_step({**batch, "hq": 0.5 * batch["hq"]})
    assert float(logs["psnr"]) == pytest.approx(20.0, abs=0.01)  # -20 log10(0.1)
    model.reset_metrics()
    model.average.network = averaged
    assert float(model.test_step(batch)["psnr"]) < 40.0


def test_wrong_arguments_are_refused():
    generator = Generator.from_preset("psfr-test-64", load_weights=False)
    with pytest.raises(ValueError, match="needs a `discriminator`"):
        PSFRGAN(generator, None, None)
    with pytest.raises(ValueError, match="need `style_features`"):
        PSFRGAN(generator, None, None, None, "paper", "l2", 1, 0, 0, style_weight=1)
    model = build()
    with pytest.raises(ValueError, match="d_optimizer"):
        model.compile(Adam())


def test_face_parsing_trainer_learns(batch):
    model = FaceParsingTrainer(
        FaceParsingNetwork.from_preset("psfr-test-64", load_weights=False), ema_half_life=20
    )
    model.compile(Adam(5e-3))
    data = tf.data.Dataset.from_tensors(batch).repeat()
    history = model.fit(
        data,
        epochs=2,
        steps_per_epoch=25,
        validation_data=tf.data.Dataset.from_tensors(batch),
        verbose=0,
    ).history
    assert history["cross_entropy"][1] < 0.7 * history["cross_entropy"][0]
    assert history["miou"][1] > history["miou"][0]
    assert history["val_accuracy"][-1] > 0.5


def test_miou_counts_only_classes_that_are_present():
    metric = PresentClassIoU()
    metric.update_state(np.array([[0, 0, 1, 1]]), np.array([[0, 5, 1, 0]]))
    # class 0: 1 of 3, class 1: 1 of 2; class 5 is predicted but absent.
    assert float(metric.result()) == pytest.approx((1 / 3 + 1 / 2) / 2)
