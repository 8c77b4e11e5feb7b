"""The services as clients of their models on this machine: configurations, as the models want."""

from perfgate.services.cloudinary import CloudinaryConfig
from perfgate.services.contentful import ContentfulConfig
from perfgate.services.resilience import ResilienceSettings

__all__ = ["cloudinary_config", "contentful_config"]


def contentful_config(
    url: str, delivery: ResilienceSettings, management: ResilienceSettings | None = None
) -> ContentfulConfig:
    """Return the configuration for a model of Contentful whose jobs are done at once.

    ``management`` None treats all APIs alike.
    """
    return ContentfulConfig(
        space="sp",
        delivery_token="token",  # noqa: S106 - a model's
        management_token="CFPAT-1",  # noqa: S106 - a model's
        delivery_url=url,
        management_url=url,
        upload_url=url,
        delivery=delivery,
        management=management or delivery,
        upload=management or delivery,
        poll_s=0.0,
    )


def cloudinary_config(
    url: str, upload: ResilienceSettings, admin: ResilienceSettings | None = None
) -> CloudinaryConfig:
    """Return the configuration for a model of Cloudinary; ``admin`` None treats it alike."""
    return CloudinaryConfig(
        cloud="demo",
        api_key="1234",
        api_secret="topsecret",  # noqa: S106 - a model's
        api_url=url,
        upload=upload,
        admin=admin or upload,
    )
