import pytest

from perfgate.services.waits import server_wait_s

# 2027-01-15 08:00:00 UTC, a Friday.
NOW_S = 1_800_000_000.0
SECOND = "x-contentful-ratelimit-second-remaining"
RESET = "x-contentful-ratelimit-reset"


@pytest.mark.parametrize(
    ("status", "headers", "wait_s"),
    [
        pytest.param(429, {}, None, id="refused-without-a-word"),
        pytest.param(429, {"retry-after": "2"}, 2.0, id="retry-after-seconds"),
        pytest.param(503, {"retry-after": "0.5"}, 0.5, id="outage-with-a-hint"),
        pytest.param(
            429, {"retry-after": "Fri, 15 Jan 2027 08:00:30 GMT"}, 30.0, id="retry-after-date"
        ),
        pytest.param(
            429, {"retry-after": "Fri, 15 Jan 2027 07:00:00 GMT"}, 0.0, id="a-date-that-is-past"
        ),
        pytest.param(429, {"retry-after": "soon"}, None, id="neither-seconds-nor-date"),
        pytest.param(429, {"retry-after": "inf"}, None, id="for-ever"),
        pytest.param(429, {RESET: "1"}, 1.0, id="contentful"),
        pytest.param(429, {RESET: "1", "retry-after": "3"}, 3.0, id="the-longer-of-two"),
        pytest.param(
            420,
            {"x-featureratelimit-reset": "Fri, 15 Jan 2027 09:00:00 GMT"},
            3600.0,
            id="cloudinary",
        ),
        pytest.param(200, {SECOND: "3", RESET: "0"}, None, id="plenty-left"),
        pytest.param(200, {SECOND: "0", RESET: "0"}, None, id="nothing-left-and-no-wait"),
        pytest.param(200, {SECOND: "0", RESET: "1"}, 1.0, id="nothing-left"),
        pytest.param(
            200,
            {
                "x-featureratelimit-remaining": "0",
                "x-featureratelimit-reset": "Fri, 15 Jan 2027 08:10:00 GMT",
            },
            600.0,
            id="the-last-call-of-the-hour",
        ),
        pytest.param(200, {"retry-after": "5"}, None, id="a-success-is-not-a-refusal"),
        pytest.param(404, {SECOND: "0", RESET: "1"}, 1.0, id="an-error-uses-the-quota-too"),
    ],
)
def test_the_servers_wait_is_read(
    status: int, headers: dict[str, str], wait_s: float | None
) -> None:
    assert server_wait_s(status, headers, wall_s=NOW_S) == wait_s
