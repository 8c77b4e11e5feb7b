import pytest

from benchmarks.upstreams import cloudinary as model
from benchmarks.upstreams.in_process import EngineAdapter
from perfgate.services.cloudinary import (
    AdminQuota,
    CloudinaryConfig,
    CloudinaryService,
    SignatureAlgorithm,
    Transformation,
)
from perfgate.services.cloudinary_urls import sign_parameters
from perfgate.services.errors import (
    AuthenticationError,
    NotFoundError,
    RateLimitError,
    RequestRefusedError,
    ServerFailedError,
)
from perfgate.testing.upstream import Engine, Fault, FaultKind
from tests.services.engines import engine_of
from tests.services.fake_clock import FakeClock

SMALL = Transformation(crop="fill", height=200, width=300)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def engine(clock: FakeClock) -> Engine:
    return engine_of(model.create, clock)


def _service(
    engine: Engine,
    clock: FakeClock,
    *,
    secret: str = "topsecret",  # noqa: S107 - a model's
    algorithm: SignatureAlgorithm = SignatureAlgorithm.SHA1,
) -> CloudinaryService:
    config = CloudinaryConfig(cloud="demo", api_key="1234", api_secret=secret, algorithm=algorithm)
    service = CloudinaryService(config, clock=clock, adapter=EngineAdapter(engine))
    service.initialize()
    return service


# The example of Cloudinary's documentation and of the tests of its clients.
@pytest.mark.parametrize(
    ("algorithm", "signature"),
    [
        pytest.param(
            SignatureAlgorithm.SHA1, "bfd09f95f331f558cbd1320e67aa8d488770583e", id="sha1"
        ),
        pytest.param(
            SignatureAlgorithm.SHA256,
            "cc927e1290f9e3ae4c1a741eda21a4630b4ce80f9ce0bc0296337d25cf40f91e",
            id="sha256",
        ),
    ],
)
def test_the_documented_example_has_the_documented_signature(
    algorithm: SignatureAlgorithm, signature: str
) -> None:
    parameters = {
        "eager": "w_400,h_300,c_pad|w_260,h_200,c_crop",
        "public_id": "sample_image",
        "timestamp": "1315060510",
        "api_key": "not signed",
        "tags": "",
    }
    assert sign_parameters(parameters, secret="abcd", algorithm=algorithm) == signature  # noqa: S106 - the example's


def test_an_image_is_uploaded_and_transformed(engine: Engine, clock: FakeClock) -> None:
    cloudinary = _service(engine, clock)
    image = cloudinary.upload(b"an image", public_id="a&b|c", tags=["x", "y"], eager=[SMALL])
    assert (image.public_id, image.size_bytes, image.tags) == ("a&b|c", 8, ("x", "y"))
    assert image.eager[0]["transformation"] == "c_fill,h_200,w_300"
    again = cloudinary.explicit("a&b|c", eager=[SMALL])
    assert again.eager == image.eager


def test_an_upload_without_a_name_is_given_one(engine: Engine, clock: FakeClock) -> None:
    assert _service(engine, clock).upload(b"an image").public_id != ""


def test_a_cloud_may_sign_with_sha256(clock: FakeClock) -> None:
    engine = engine_of(model.create, clock, algorithm="sha256")
    signed = _service(engine, clock, algorithm=SignatureAlgorithm.SHA256)
    assert signed.upload(b"an image", public_id="a").public_id == "a"
    with pytest.raises(AuthenticationError, match="Invalid Signature"):
        _service(engine, clock).upload(b"an image")


def test_a_wrong_secret_is_an_authentication_error(engine: Engine, clock: FakeClock) -> None:
    cloudinary = _service(engine, clock, secret="wrong")  # noqa: S106 - wrong on purpose
    with pytest.raises(AuthenticationError):
        cloudinary.upload(b"an image")
    with pytest.raises(AuthenticationError):
        cloudinary.list_resources()


@pytest.mark.parametrize(
    ("public_id", "hits"),
    [pytest.param("a", 2, id="named"), pytest.param(None, 1, id="unnamed")],
)
def test_an_upload_is_repeated_only_under_its_own_name(
    engine: Engine, clock: FakeClock, public_id: str | None, hits: int
) -> None:
    engine.inject([Fault(kind=FaultKind.STATUS, status=502, applies=True)])
    cloudinary = _service(engine, clock)
    if public_id is None:
        with pytest.raises(ServerFailedError):
            cloudinary.upload(b"an image")
    else:
        cloudinary.upload(b"an image", public_id=public_id)
    assert len(engine.hits()) == hits


def test_urls_are_built_without_asking_anybody(engine: Engine, clock: FakeClock) -> None:
    cloudinary = _service(engine, clock)
    assert cloudinary.transformation_url("a", SMALL, extension="jpg", version=7) == (
        "https://res.cloudinary.com/demo/image/upload/c_fill,h_200,w_300/v7/a.jpg"
    )
    assert "/upload/s--" in cloudinary.transformation_url("a", SMALL, is_signed=True)
    assert engine.hits() == ()


def test_images_are_listed_page_by_page(engine: Engine, clock: FakeClock) -> None:
    cloudinary = _service(engine, clock)
    for number in range(5):
        cloudinary.upload(b"an image", public_id=f"i{number}")
    found = [image.public_id for image in cloudinary.iter_resources(page_size=2)]
    assert found == ["i0", "i1", "i2", "i3", "i4"]
    assert cloudinary.admin_quota == AdminQuota(limit=500, remaining=497)
    assert cloudinary.list_resources(prefix="i4").next_cursor is None


def test_many_images_are_deleted_at_once(engine: Engine, clock: FakeClock) -> None:
    cloudinary = _service(engine, clock)
    cloudinary.upload(b"an image", public_id="a")
    assert cloudinary.delete_resources(["a", "b"]).deleted == {"a": "deleted", "b": "not_found"}
    with pytest.raises(ValueError, match="1 to 100 images"):
        cloudinary.delete_resources(["a"] * 101)


def test_an_image_is_destroyed_once(engine: Engine, clock: FakeClock) -> None:
    cloudinary = _service(engine, clock)
    cloudinary.upload(b"an image", public_id="a")
    assert [cloudinary.destroy("a"), cloudinary.destroy("a")] == [True, False]
    with pytest.raises(NotFoundError):
        cloudinary.explicit("a", eager=[SMALL])


def test_a_request_that_makes_no_sense_is_refused(engine: Engine, clock: FakeClock) -> None:
    with pytest.raises(RequestRefusedError, match="max_results"):
        _service(engine, clock).list_resources(max_results=501)


def test_the_hours_quota_is_kept_without_a_refusal(engine: Engine, clock: FakeClock) -> None:
    cloudinary = _service(engine, clock)
    for _ in range(500):
        cloudinary.list_resources()
    with pytest.raises(RateLimitError) as caught:
        cloudinary.list_resources()
    assert engine.statistics(0.0).limited == 0
    assert caught.value.retry_after_s is not None
    clock.advance(caught.value.retry_after_s)
    cloudinary.list_resources()
    # Uploads have no quota.
    cloudinary.upload(b"an image", public_id="a")


def test_a_quota_that_others_used_up_is_told_by_the_server(clock: FakeClock) -> None:
    engine = engine_of(model.create, clock, hourly_quota=3)
    cloudinary, other = _service(engine, clock), _service(engine, clock)
    cloudinary.list_resources()
    for _ in range(2):
        other.list_resources()
    with pytest.raises(RateLimitError, match="Limit of 3 api operations reached") as caught:
        cloudinary.list_resources()
    assert caught.value.status == 420
    # Whoever was told that nothing is left does not even ask.
    with pytest.raises(RateLimitError) as caught:
        other.list_resources()
    assert caught.value.status is None
    assert engine.statistics(0.0).by_status == {200: 3, 420: 1}
