"""Cloudinary's own client drives the local model, and agrees with our signatures and URLs."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfgate.services.cloudinary_urls import (
    SignatureAlgorithm,
    Transformation,
    delivery_url,
    sign_parameters,
)
from perfgate.testing.upstream import Upstream, start_upstream

cloudinary = pytest.importorskip("cloudinary", reason="the official clients are not installed")
pytest.importorskip("cloudinary.api")
pytest.importorskip("cloudinary.uploader")

pytestmark = pytest.mark.contract
APPLICATION = "benchmarks.upstreams.cloudinary:create"
SECRET = "topsecret"  # noqa: S105 - a model's, on 127.0.0.1


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with start_upstream(APPLICATION) as upstream:
        _configure(upstream)
        yield upstream


def _configure(upstream: Upstream, **settings: Any) -> None:
    cloudinary.reset_config()
    cloudinary.config(
        cloud_name="demo",
        api_key="1234",
        api_secret=SECRET,
        upload_prefix=upstream.url,
        **settings,
    )


def _upload(public_id: str, **options: Any) -> dict[str, Any]:
    result: dict[str, Any] = cloudinary.uploader.upload(
        io.BytesIO(b"an image"), public_id=public_id, **options
    )
    return result


@pytest.mark.usefixtures("upstream")
def test_a_signed_upload_is_stored() -> None:
    transformation = {"crop": "fill", "width": 300, "height": 200}
    result = _upload("a&b|c", tags=["red", "blue"], eager=[transformation])
    assert (result["public_id"], result["bytes"], result["tags"]) == ("a&b|c", 8, ["red", "blue"])
    assert result["eager"][0]["transformation"] == "c_fill,h_200,w_300"
    assert cloudinary.utils.verify_api_response_signature(
        result["public_id"], result["version"], result["signature"]
    )


def test_an_upload_is_signed_with_sha256_where_the_cloud_wants_it() -> None:
    with start_upstream(APPLICATION, options={"algorithm": "sha256"}) as upstream:
        _configure(upstream, signature_algorithm="sha256")
        assert _upload("a")["public_id"] == "a"
        _configure(upstream)
        with pytest.raises(cloudinary.exceptions.AuthorizationRequired):
            _upload("b")


def test_a_wrong_secret_is_refused(upstream: Upstream) -> None:
    _configure(upstream)
    with pytest.raises(cloudinary.exceptions.AuthorizationRequired, match="Invalid Signature"):
        _upload("a", api_secret="wrong")  # noqa: S106 - wrong on purpose


def test_a_signature_is_good_for_an_hour(upstream: Upstream) -> None:
    upstream.advance(3500)
    _upload("a")
    upstream.advance(200)
    with pytest.raises(cloudinary.exceptions.BadRequest, match="Stale request"):
        _upload("b")


@pytest.mark.usefixtures("upstream")
def test_transformations_are_computed_for_an_image_that_is_stored() -> None:
    _upload("a")
    result = cloudinary.uploader.explicit("a", type="upload", eager=[{"width": 10}])
    assert result["eager"][0]["transformation"] == "w_10"


@pytest.mark.usefixtures("upstream")
def test_an_image_is_destroyed_once() -> None:
    _upload("a")
    assert cloudinary.uploader.destroy("a")["result"] == "ok"
    assert cloudinary.uploader.destroy("a")["result"] == "not found"


@pytest.mark.usefixtures("upstream")
def test_images_are_listed_page_by_page() -> None:
    for number in range(5):
        _upload(f"i{number}")
    found: list[str] = []
    cursor = None
    while True:
        page = cloudinary.api.resources(type="upload", max_results=2, next_cursor=cursor)
        found += [resource["public_id"] for resource in page["resources"]]
        cursor = page.get("next_cursor")
        if cursor is None:
            break
    assert found == ["i0", "i1", "i2", "i3", "i4"]
    assert page.rate_limit_allowed == 500
    assert page.rate_limit_remaining == 497


@pytest.mark.usefixtures("upstream")
def test_many_images_are_deleted_at_once() -> None:
    _upload("a")
    result = cloudinary.api.delete_resources(["a", "b"])
    assert result["deleted"] == {"a": "deleted", "b": "not_found"}


def test_the_hours_quota_is_a_rate_limit_error_and_comes_back() -> None:
    with start_upstream(APPLICATION, options={"hourly_quota": 2}) as upstream:
        _configure(upstream)
        for _ in range(2):
            cloudinary.api.resources()
        with pytest.raises(cloudinary.exceptions.RateLimited, match="Limit of 2 api operations"):
            cloudinary.api.resources()
        assert upstream.statistics().by_status[420] == 1
        _upload("uploads-have-no-limit")
        upstream.advance(3600)
        cloudinary.api.resources()


# --- ours against theirs, without a network -----------------------------------------------------

_VALUES = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=12)


@given(
    parameters=st.dictionaries(
        st.sampled_from(["public_id", "eager", "tags", "timestamp", "folder"]), _VALUES
    ),
    algorithm=st.sampled_from(SignatureAlgorithm),
)
def test_our_signatures_are_theirs(
    parameters: dict[str, str], algorithm: SignatureAlgorithm
) -> None:
    theirs = cloudinary.utils.api_sign_request(parameters, SECRET, algorithm=algorithm.value)
    assert sign_parameters(parameters, secret=SECRET, algorithm=algorithm) == theirs


@given(
    public_id=st.text("abc/xyz -_.é", min_size=1, max_size=10).filter(
        lambda text: "//" not in text and not text.startswith("/") and text.strip(" ./") == text
    ),
    width=st.none() | st.integers(1, 5000),
    crop=st.sampled_from(["fill", "fit", "scale"]),
    extension=st.sampled_from(["", "jpg", "png"]),
    is_signed=st.booleans(),
)
def test_our_urls_are_theirs(
    public_id: str,
    width: int | None,
    crop: str,
    extension: str,
    is_signed: bool,  # noqa: FBT001 - hypothesis draws it
) -> None:
    cloudinary.reset_config()
    cloudinary.config(cloud_name="demo", api_secret=SECRET, analytics=False)
    options: dict[str, Any] = {"crop": crop, "secure": True, "sign_url": is_signed}
    if width is not None:
        options["width"] = width
    if extension:
        options["format"] = extension
    theirs, _ = cloudinary.utils.cloudinary_url(public_id, **options)
    ours = delivery_url(
        "https://res.cloudinary.com/demo",
        public_id,
        transformation=Transformation(crop=crop, width=width),
        extension=extension,
        secret=SECRET if is_signed else None,
    )
    assert ours == theirs
