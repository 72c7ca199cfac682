"""Django's settings. Values come from `config.env`; nothing here reads the environment itself."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

from calling.runtime import garbage
from calling.webhooks.schedule import WAITS
from config import env as environment
from config import privacy
from config.connection_urls import celery_broker, django_database, replica_database
from config.embedded import paths
from config.secret_key import older_keys, secret_key
from rest import redis_clients

# Whatever runs on these settings: the web, workers, beat, every command of manage.py.
privacy.keep_private()
garbage.look_rarely()

ENV = environment.load()
BASE_DIR = environment.ROOT
DATA_DIR = ENV.data_dir

with environment.told_in_one_line():
    SECRET_KEY = secret_key(ENV.secret_key, DATA_DIR)
    SECRET_KEY_FALLBACKS = older_keys(ENV.old_secret_keys, DATA_DIR)
DEBUG = False
# Devices come by any name that reaches the port (fabric.<domain>, an address, a proxy's name); nothing
# trusts the Host header (links: rest.links), so it is not filtered.
ALLOWED_HOSTS = ["*"]
APPEND_SLASH = True
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "channels",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "config.apps.ConfigConfig",
    "subscribers",
    "tokens",
    "calling",
    "calling.dashboard.apps.DashboardConfig",
    "bench",
]
MIDDLEWARE = [
    "rest.middleware.AnswerHeaders",
    "rest.links.Links",
    "rest.middleware.CorsMiddleware",
    "rest.json_bodies.BoundedBody",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "rest.middleware.SecureCookies",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",  # hands the request to allauth; asks the database nothing
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "calling.dashboard.content_security_policy.PagePolicy",
    "calling.dashboard.language.PageLanguage",
    "subscribers.idempotency.IdempotencyMiddleware",
    "subscribers.row_security.RowSecurityMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASE_URL = ENV.database_url or paths.postgres_url(DATA_DIR)
REDIS_URL = ENV.redis_url or paths.valkey_url(DATA_DIR)
# The embedded database has both logins; another has the second where its URL is given.
REQUESTS_URL = ENV.requests_database_url
if ENV.database_url is None:
    REQUESTS_URL = paths.postgres_url(DATA_DIR, paths.REQUESTS)
DATABASES = {"default": django_database(DATABASE_URL, ENV.database_pool, REQUESTS_URL)}
DATABASES |= {
    f"replica{number}": replica_database(url, ENV.database_pool, REQUESTS_URL)
    for number, url in enumerate(ENV.replica_urls, 1)
}
# Each read would ask it.
DATABASE_ROUTERS = ["subscribers.replicas.Router"] if ENV.replica_urls else []
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REST_FRAMEWORK: dict[str, Any] = {
    "EXCEPTION_HANDLER": "rest.errors.exception_handler",
    "DEFAULT_PARSER_CLASSES": ["rest.json_bodies.StrictJSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "rest.json_bodies.JsonOnly",
    "DEFAULT_THROTTLE_CLASSES": ["tokens.rate_limits.RestRate"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tokens.authentication.BasicProject",
        "tokens.authentication.BearerToken",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_VERSIONING_CLASS": None,
    "UPLOADED_FILES_USE_URL": False,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Callwright",
    "DESCRIPTION": "Calls, directory, tokens, events and webhooks of a Callwright instance.",
    "VERSION": "0.2.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "OAS_VERSION": "3.1.0",
    "SERVERS": [{"url": "/", "description": "this instance"}],
    "CONTACT": {"name": "Callwright"},
    "LICENSE": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    # Null is a type of its own beside the words: an enum of nothing but null is no class in any language.
    "ENUM_ADD_EXPLICIT_BLANK_NULL_CHOICE": False,
    "ENUM_NAME_OVERRIDES": {
        "CallStateEnum": ["created", "ringing", "answered", "ended"],
        "PlayDirectionEnum": ["listen", "speak", "both"],
        "CallDirectionEnum": ["inbound", "outbound-api"],
        "WebhookStatusEnum": ["enabled", "disabled"],
        "DeliveryStatusEnum": ["pending", "delivered", "parked", "cancelled"],
        "RecordingStatusEnum": ["processing", "completed", "failed"],
        "SessionStatusEnum": ["in-progress", "completed"],
        "OperationStateEnum": ["wanted", "running", "finished", "failed"],
        "AlertKindEnum": ["webhook_failing", "worker_lost", "quality", "balance"],
        "PlayItemTypeEnum": ["audio", "tts", "silence", "ringtone"],
        "RelayInputEnum": ["none", "dtmf", "speech", "any"],
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.openapi_errors.add",
        "config.openapi.finish",
    ],
}

# Of pages alone: calling.dashboard.language. Whatever programs read is English.
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "German"), ("es", "Spanish")]
LOCALE_PATHS = [
    BASE_DIR / "calling" / "dashboard" / "locale"
]  # before those of packages, the admin's above all
LANGUAGE_COOKIE_NAME = "callwright_language"
LANGUAGE_COOKIE_AGE = 365 * 86400
LANGUAGE_COOKIE_SAMESITE = "Lax"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
STATIC_URL = "/static/"
# Served straight from the packages: nothing to collect before a start, `make run` stays one step.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "rest.errors.csrf_failure"
SECURE_CONTENT_TYPE_NOSNIFF = True
SILENCED_SYSTEM_CHECKS = [
    "security.W004",  # HSTS is the proxy's that owns the domain (docker/Caddyfile), not every localhost's
    "security.W008",  # http is for this machine and for the network behind the proxy; SDKs are not redirected
    "security.W012",  # cookies are Secure on every answer over TLS: rest.middleware
    "security.W016",
]
SECURE_PROXY_SSL_HEADER = None
X_FRAME_OPTIONS = "DENY"
LOGIN_URL = "/dashboard/login"
LOGIN_REDIRECT_URL = "/dashboard/"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576
# None of allauth's own pages has a path: the dashboard's call its parts.
ACCOUNT_ADAPTER = "calling.dashboard.adapters.Accounts"
MFA_ADAPTER = "calling.dashboard.adapters.Factors"
MFA_SUPPORTED_TYPES = ["webauthn"]
SOCIALACCOUNT_ADAPTER = "calling.dashboard.adapters.Identities"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]

CELERY_BROKER_URL = celery_broker(REDIS_URL)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    **redis_clients.broker_options(REDIS_URL),
    "socket_connect_timeout": 2,
    "socket_timeout": 5,
    "socket_keepalive": True,
    # A dead broker must answer a dial with 503 in time, not hold the request.
    "retry_policy": {"max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.2},
}
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# A primary that is made a replica refuses what waits there: an error of the server, not of the connection.
# Without this a worker would end, and the calls it carries.
CELERY_BROKER_CHANNEL_ERROR_RETRY = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_DEFAULT_QUEUE = "tasks"
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_CONSUMER = "config.celery_consumer:Consumer"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_DISABLE_PREFETCH = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TIMEZONE = "UTC"
CELERY_ENABLE_UTC = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "config.logs.JsonLine"}},
    "filters": {"surprises": {"()": "config.logs.OnlySurprises"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["surprises"]},
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django.server": {"handlers": ["stderr"], "propagate": False},
        "aioice": {"level": "WARNING"},
        "fido2": {"level": "WARNING"},
        "aiortc": {"level": "WARNING"},
    },
}

# What the apps ask for by name; everything else they read from here, never from the environment.
CALLWRIGHT_DOMAIN = ENV.domain
CALLWRIGHT_ALLOW_PRIVATE_URLS = ENV.allow_private_urls
CALLWRIGHT_PRIVATE_NETWORKS = ENV.private_networks
CALLWRIGHT_RING_SECONDS = ENV.ring_seconds
CALLWRIGHT_MAX_CALL_SECONDS = ENV.max_call_seconds
CALLWRIGHT_DRAIN_SECONDS = ENV.drain_seconds
CALLWRIGHT_MEDIA_BIND = ENV.media_bind
CALLWRIGHT_MEDIA_ADVERTISED = ENV.media_advertised
CALLWRIGHT_MEDIA_PLACES = ENV.media_places
CALLWRIGHT_MEDIA_PORTS = ENV.media_ports
CALLWRIGHT_MEDIA_MUX = ENV.media_mux
CALLWRIGHT_MEDIA_LOOP = ENV.media_loop
CALLWRIGHT_SIP_PORT = ENV.sip_port
CALLWRIGHT_SIP_EDGE = ENV.sip_edge
CALLWRIGHT_AUDIO_RED = ENV.audio_red
CALLWRIGHT_SIP_SILENCE_SECONDS = ENV.sip_silence_seconds
CALLWRIGHT_BIND = ENV.bind
CALLWRIGHT_HTTP_PORT = ENV.http_port
CALLWRIGHT_HTTPS_PORT = ENV.https_port
CALLWRIGHT_TURN_PORT = ENV.turn_port
CALLWRIGHT_MESSAGES_PER_SECOND = ENV.messages_per_second
CALLWRIGHT_MESSAGES_BURST = ENV.messages_burst
CALLWRIGHT_DIALS_PER_SECOND = ENV.dials_per_second
CALLWRIGHT_MEDIA_LEGS = ENV.media_legs
CALLWRIGHT_SPEECH_WORKERS = ENV.speech_workers
CALLWRIGHT_SPEECH_SOCKETS = paths.speech_sockets(DATA_DIR)
CALLWRIGHT_SPEECH_MODELS = DATA_DIR / "speech-models"
CALLWRIGHT_MAX_CALLS_GUEST = ENV.max_calls_guest
CALLWRIGHT_MAX_CALLS_SUBSCRIBER = ENV.max_calls_subscriber
CALLWRIGHT_PROJECT_SHARE = ENV.project_share
CALLWRIGHT_WS_ORIGINS = ENV.ws_origins
CALLWRIGHT_SETUP_SECONDS = 10  # until a media worker carries a dialled call
CALLWRIGHT_GRACE_SECONDS = 15  # a lost socket or lost media keeps its call
CALLWRIGHT_MAX_BODY = 256 * 1024
CALLWRIGHT_WEBHOOK_SECONDS = 10.0  # one try of a delivery
CALLWRIGHT_WEBHOOK_WAITS = WAITS
CALLWRIGHT_REPLICA_LAG_SECONDS = ENV.replica_lag_seconds
CALLWRIGHT_RETENTION_DAYS = ENV.retention_days  # events, deliveries
CALLWRIGHT_CALL_RETENTION_DAYS = ENV.call_retention_days  # calls, recordings; 0: for ever
CALLWRIGHT_RECORDINGS_URL = ENV.recordings_url  # an S3-compatible store; None: the data directory
# A dotted path, called with an identity: `import_string(settings.CALLWRIGHT_ICE_SERVERS_FOR)(identity)`.
CALLWRIGHT_ICE_SERVERS_FOR = "config.ice.ice_servers"
# A dotted path, called without arguments: yields findings (level, about, fact, advice).
CALLWRIGHT_EXAMINATION = "config.doctor.checks.examine"
# The identity provider of staff; None: there is none.
CALLWRIGHT_OIDC_ISSUER = ENV.oidc_issuer
CALLWRIGHT_OIDC_CLIENT_ID = ENV.oidc_client_id
CALLWRIGHT_OIDC_CLIENT_SECRET = ENV.oidc_client_secret
CALLWRIGHT_OIDC_NAME = ENV.oidc_name

# Mail of alerts. `smtps` speaks TLS from the first byte; `smtp` begins it where there is a
# password to keep.
_SMTP = urlsplit(ENV.smtp_url or "")
EMAIL_HOST = _SMTP.hostname or ""
EMAIL_USE_SSL = _SMTP.scheme == "smtps"
EMAIL_PORT = _SMTP.port or (465 if EMAIL_USE_SSL else 25)
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(_SMTP.username or ""), unquote(_SMTP.password or "")
EMAIL_USE_TLS = not EMAIL_USE_SSL and bool(EMAIL_HOST_USER)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = ENV.mail_from
