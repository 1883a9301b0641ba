"""All settings of the deployment, read once from the environment or `.env`.

The variable of a field is its name in upper case (`web_port` is `WEB_PORT`). `.env.example` describes all of them; a
test compares it with this module. An empty value counts as not set, so `KEY=` in `.env` means the default.
"""

from __future__ import annotations

from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Burst = Literal["each", "together"]
OPENAI = "chat_service.models.openai:create"


class Settings(BaseSettings):
    """The deployment's settings.

    Raises:
        pydantic.ValidationError: when a value is invalid. The CLI prints one line for each error.
    """

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, protected_namespaces=()
    )

    # --- model ---------------------------------------------------------------------------------------------
    openai_api_key: SecretStr | None = None
    openai_base_url: str | None = None
    openai_model: str | None = None
    fallback_api_key: SecretStr | None = None
    fallback_base_url: str | None = None
    fallback_model: str | None = None
    model_backend: str = OPENAI
    model_images: bool = False
    model_context_tokens: int = Field(default=8192, ge=512)
    model_max_output_tokens: int = Field(default=1024, ge=16)
    model_temperature: float = Field(default=0.7, ge=0, le=2)
    model_stall_seconds: float = Field(default=60, gt=0)
    model_max_seconds: float = Field(default=600, gt=0, le=3000)
    model_max_attempts: int = Field(default=5, ge=1)
    local_model: str = "on"
    system_prompt: str = (
        "You are a helpful assistant in a chat. Answer in the language of the question, clearly and briefly."
    )
    personas_file: Path | None = None
    persona: str = "default"

    # --- conversations -------------------------------------------------------------------------------------
    burst: Burst | None = None
    burst_pause_seconds: float = Field(default=0.6, ge=0, le=10)
    retention_days: int | None = Field(default=None, ge=1, le=36_500)
    turn_inactivity_seconds: float = Field(default=3600, ge=0)

    # --- restate -------------------------------------------------------------------------------------------
    restate_ingress_url: str | None = None
    restate_admin_url: str | None = None
    restate_data_dir: Path = Path(".threadwell/restate")
    restate_server_binary: Path | None = None
    restate_identity_key: str | None = None

    # --- addresses and ports: the embedded Restate server listens on loopback only ----------------------------
    web_host: str = "127.0.0.1"
    web_port: int = Field(default=8000, ge=0, le=65535)
    chat_service_host: str = "127.0.0.1"
    chat_service_port: int = Field(default=9080, ge=0, le=65535)
    chat_service_url: str | None = None
    restate_ingress_port: int = Field(default=8080, ge=0, le=65535)
    restate_admin_port: int = Field(default=9070, ge=0, le=65535)
    restate_node_port: int = Field(default=5122, ge=0, le=65535)

    # --- web page ------------------------------------------------------------------------------------------
    web_access_token: SecretStr | None = None
    web_auth_header: str | None = None
    web_trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()
    web_published_on_loopback: bool = False

    # --- chat platforms: access, quotas and backfill ---------------------------------------------------------
    access_allow: Annotated[tuple[str, ...], NoDecode] = ()
    access_block: Annotated[tuple[str, ...], NoDecode] = ()
    person_messages_per_minute: int = Field(default=20, ge=0)
    channel_messages_per_minute: int = Field(default=0, ge=0)
    person_tokens_per_day: int = Field(default=0, ge=0)
    channel_tokens_per_day: int = Field(default=0, ge=0)
    backfill_max_age: int = Field(default=86_400, ge=0)

    # --- slack ---------------------------------------------------------------------------------------------
    slack_bot_token: SecretStr | None = None
    slack_app_token: SecretStr | None = None
    slack_signing_secret: SecretStr | None = None
    slack_api_url: str = "https://slack.com/api/"
    slack_http_host: str = "127.0.0.1"
    slack_http_port: int = Field(default=3000, ge=0, le=65535)
    slack_http_backfill_seconds: float = Field(default=300, gt=0)
    slack_delivery_host: str = "127.0.0.1"
    slack_delivery_port: int = Field(default=9081, ge=0, le=65535)
    slack_delivery_url: str | None = None

    # --- discord -------------------------------------------------------------------------------------------
    discord_token: SecretStr | None = None
    discord_api_url: str = "https://discord.com/api/v10"
    discord_gateway_url: str = "wss://gateway.discord.gg/"
    discord_delivery_host: str = "127.0.0.1"
    discord_delivery_port: int = Field(default=9082, ge=0, le=65535)
    discord_delivery_url: str | None = None

    # --- operation -----------------------------------------------------------------------------------------
    live_bus_url: str = "memory"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    threadwell_cache_dir: Path | None = None

    @field_validator("access_allow", "access_block", mode="before")
    @classmethod
    def _split_ids(cls, value: object) -> object:
        """Split a list of ids at spaces and commas: `T1, C2 U3`."""
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value

    @field_validator("web_trusted_proxies", mode="before")
    @classmethod
    def _split_proxies(cls, value: object) -> object:
        """Parse a list of addresses and networks, separated by commas: `10.0.0.1, 10.1.0.0/16`."""
        if isinstance(value, str):
            return tuple(ip_network(part.strip(), strict=False) for part in value.split(",") if part.strip())
        return value

    @field_validator("openai_base_url", "fallback_base_url", "restate_ingress_url", "restate_admin_url")
    @classmethod
    def _check_url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("a URL must begin with http:// or https://")
        if value is not None and not urlsplit(value).hostname:
            raise ValueError("a URL needs a host after http:// or https://")
        return value

    @cached_property
    def ingress_url(self) -> str:
        """The URL of Restate's ingress, without a trailing slash."""
        return (self.restate_ingress_url or f"http://127.0.0.1:{self.restate_ingress_port}").rstrip("/")

    @cached_property
    def admin_url(self) -> str:
        """The URL of Restate's admin API and playground, without a trailing slash."""
        return (self.restate_admin_url or f"http://127.0.0.1:{self.restate_admin_port}").rstrip("/")

    @cached_property
    def embeds_engine(self) -> bool:
        """True if `threadwell up` runs an embedded Restate server: yes, unless the URL of another one is set."""
        return self.restate_ingress_url is None and self.restate_admin_url is None

    @cached_property
    def custom_backend(self) -> str:
        """The value of `MODEL_BACKEND` if it is not the default backend, else an empty string."""
        return self.model_backend if self.model_backend != OPENAI else ""

    @cached_property
    def embeds_model(self) -> bool:
        """True if the embedded model is used: when no other model is configured and LOCAL_MODEL is not `off`."""
        configured = self.openai_api_key or self.openai_base_url or self.openai_model
        return not configured and not self.custom_backend and self.local_model.lower() != "off"

    @cached_property
    def embeds_default_model(self) -> bool:
        """True if the embedded model is the default one that is downloaded, not the operator's own file."""
        return self.embeds_model and self.local_model.lower() == "on"

    @cached_property
    def web_is_loopback(self) -> bool:
        """True if the web page listens on loopback only."""
        if self.web_host == "localhost":
            return True
        try:
            return ip_address(self.web_host).is_loopback
        except ValueError:
            return False
