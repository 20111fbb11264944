"""Settings of Millrace, driven by the environment. Product knobs are at the end, a reason beside each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dj_database_url
from django.utils.translation import gettext_lazy as _

from apps.engine.documents import MAX_BYTES
from config.chrome import UNFOLD as UNFOLD
from config.environment import BASE_DIR, VAR_DIR, flag, number, text, words

PORT = number("PORT", 8000)
# Commands that touch no service (checks, makemigrations --check) run before the embedded stack exists.
OFFLINE = "unset"

DEBUG = flag("DEBUG", False)
SECRET_KEY = text("SECRET_KEY", OFFLINE)
# What other people's keys are sealed with: `id:base64` of 32 bytes, the newest first. Without it, one that follows from
# SECRET_KEY. After a change: `manage.py secrets_rotate`.
SECRETS_KEYS = text("SECRETS_KEYS", "")
ALLOWED_HOSTS = words("ALLOWED_HOSTS", "127.0.0.1,localhost")
PUBLIC_URL = text("PUBLIC_URL", f"http://127.0.0.1:{PORT}").rstrip("/")
CSRF_TRUSTED_ORIGINS = words("CSRF_TRUSTED_ORIGINS", PUBLIC_URL)
SITE_ID = 1

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin.apps.SimpleAdminConfig",  # config.urls looks for the pages: workers and beat have none
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.google",
    "allauth.socialaccount.providers.github",
    "allauth.socialaccount.providers.openid_connect",
    "channels",
    "django_htmx",
    "django_vite",
    "storages",
    "template_partials",
    "apps.common",
    "apps.accounts",
    "apps.workspaces",
    "apps.billing",
    "apps.assets",
    "apps.projects",
    "apps.generations",
    "apps.datasets",
    "apps.runs",
    "apps.sandbox",
    "apps.console",
]

MIDDLEWARE = [
    "config.heads.head_without_body",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "apps.common.toasts.ToastsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "apps.accounts.sessions.SessionMiddleware",
    "apps.common.origin.OriginMiddleware",
    "apps.workspaces.limits.limit_headers",
    "apps.common.tenancy.TenancyMiddleware",
    "config.refusals.method_refusals",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.workspaces.context.workspace",
                "apps.console.banners.banners",
            ],
        },
    }
]

FORM_RENDERER = "apps.common.forms.Renderer"

DATABASE_URL = text("DATABASE_URL", "postgres://offline@127.0.0.1:1/offline")
# The check is made when the pool gives a connection out: after a restart of PostgreSQL the dead ones are replaced;
# unchecked, each would fail one request or lose one task.
_database: dict[str, Any] = {
    **dj_database_url.parse(DATABASE_URL, engine="apps.common.postgresql"),
    "CONN_MAX_AGE": 0,
    "CONN_HEALTH_CHECKS": True,
}
if "offline" not in DATABASE_URL:
    # psycopg's pool: under ASGI every request would otherwise open its own connection.
    # After an outage it asks again every few seconds at most; its own patience would let the pauses grow to minutes.
    _pool = {"min_size": 1, "max_size": number("DATABASE_POOL", 20), "timeout": 10, "reconnect_timeout": 5}
    # Statements that say so (apps.common.statements) are prepared, at once. A pooler between here and PostgreSQL must
    # know of prepared statements (PgBouncer from 1.21 on), or DATABASE_PREPARE=false.
    _prepare = {} if not flag("DATABASE_PREPARE", True) else {"prepare_threshold": 0}
    _database["OPTIONS"] = {**_database.get("OPTIONS", {}), "pool": _pool, **_prepare}
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"
# Uniqueness of the address is a constraint on its lower case.
SILENCED_SYSTEM_CHECKS = ["auth.W004"]

REDIS_URL = text("REDIS_URL", "redis://127.0.0.1:1/0")
CHANNEL_PREFIX = "millrace"
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": CHANNEL_PREFIX},
    }
}

S3_ENDPOINT_URL = text("S3_ENDPOINT_URL", "")
S3_BUCKET = text("S3_BUCKET", "millrace")
# What browsers use to reach the store, where that differs from what workers use.
S3_PUBLIC_URL = text("S3_PUBLIC_URL", S3_ENDPOINT_URL)
S3_REGION = text("S3_REGION", "us-east-1")
S3_ACCESS_KEY = text("S3_ACCESS_KEY", "")
S3_SECRET_KEY = text("S3_SECRET_KEY", "")
STORAGES: dict[str, Any] = {
    "default": {
        "BACKEND": "apps.common.object_files.ObjectStorage",
        "OPTIONS": {
            "bucket_name": S3_BUCKET,
            "endpoint_url": S3_ENDPOINT_URL or None,
            "access_key": S3_ACCESS_KEY or None,
            "secret_key": S3_SECRET_KEY or None,
            "region_name": S3_REGION,
            "addressing_style": "path",
            "signature_version": "s3v4",
            "file_overwrite": True,
            "default_acl": None,
            "querystring_auth": True,
        },
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

STATIC_URL = "static/"
STATICFILES_DIRS: list[Path] = [BASE_DIR / "static" / "dist"]
# WhiteNoise serves what the build wrote, from where it wrote it: there is nothing to collect.
WHITENOISE_USE_FINDERS = True
WHITENOISE_IMMUTABLE_FILE_TEST = r"^.+[-.][0-9a-zA-Z_-]{8,12}\..+$"
DJANGO_VITE = {"default": {"dev_mode": False, "manifest_path": BASE_DIR / "static" / "dist" / "manifest.json"}}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Chinese (Simplified)"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "config.formats"
USE_I18N = True
TIME_ZONE = "UTC"
USE_TZ = True

AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "apps.workspaces.sign_up.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]  # the field can show what was typed, so it is asked once
ACCOUNT_FORMS = {
    name: f"apps.accounts.entrance.{form}Form"
    for name, form in {
        "signup": "Signup",
        "login": "Login",
        "add_email": "AddEmail",
        "change_password": "ChangePassword",
        "reset_password": "ResetPassword",
        "reset_password_from_key": "ResetPasswordKey",
    }.items()
}
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_CONFIRM_EMAIL_ON_GET = False
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if PUBLIC_URL.startswith("https") else "http"

# A second step: an app's codes, passkeys, recovery codes. What allauth keeps of them is sealed.
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ADAPTER = "apps.accounts.second_step.SecondStepAdapter"
MFA_TOTP_ISSUER = "Millrace"
MFA_TOTP_TOLERANCE = 1  # phones' clocks are off by some seconds
# Browsers know passkeys on https only, and on this machine itself.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not PUBLIC_URL.startswith("https")
# Staff look at the site as somebody else: superusers as people who are no staff.
HIJACK_PERMISSION_CHECK = "apps.console.impersonation.may_impersonate"
USERSESSIONS_ADAPTER = "allauth.usersessions.adapter.DefaultUserSessionsAdapter"

# Other ways in. Google and GitHub appear where their keys are set; they vouch for the addresses they hand over.
# A workspace's own sign-in (OpenID Connect) is kept in its settings and vouches for nobody's address.
SOCIALACCOUNT_ADAPTER = "apps.workspaces.single_sign_on.SignInAdapter"
SOCIALACCOUNT_FORMS = {"signup": "apps.accounts.entrance.SocialSignupForm"}
SOCIALACCOUNT_REQUESTS_TIMEOUT = 8
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
_SOCIAL = {
    "google": (text("GOOGLE_CLIENT_ID", ""), text("GOOGLE_CLIENT_SECRET", ""), ["profile", "email"]),
    "github": (text("GITHUB_CLIENT_ID", ""), text("GITHUB_CLIENT_SECRET", ""), ["user:email"]),
}
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {
    name: {"APPS": [{"client_id": client_id, "secret": secret}], "SCOPE": scope, "EMAIL_AUTHENTICATION": True}
    for name, (client_id, secret, scope) in _SOCIAL.items()
    if client_id
}
# Hosts of identity providers inside of the network of this site, which must not be reached otherwise.
SSO_INTERNAL_HOSTS = words("SSO_INTERNAL_HOSTS", "")

# The embedded stack writes mail to files; EMAIL_HOST sends it.
EMAIL_HOST = text("EMAIL_HOST", "")
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'filebased'}.EmailBackend"
EMAIL_PORT = number("EMAIL_PORT", 587)
EMAIL_HOST_USER = text("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = text("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = flag("EMAIL_USE_TLS", True)
EMAIL_TIMEOUT = 15
EMAIL_FILE_PATH = str(VAR_DIR / "mail")
DEFAULT_FROM_EMAIL = text("DEFAULT_FROM_EMAIL", "Millrace <studio@millrace.local>")

_secure = PUBLIC_URL.startswith("https")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _secure
SESSION_COOKIE_NAME = f"millrace_{PORT}"  # two checkouts on one host do not sign each other out
CSRF_COOKIE_NAME = f"millrace_csrf_{PORT}"
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
# As much as a graph may be; uploads never pass through Django.
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BYTES

LOGGING_CONFIG = None  # config.logs configures structlog and the standard library together

# --- Product knobs -------------------------------------------------------------------------------------------------
# A lost poke costs at most this long before a watcher looks for itself.
WATCH_INTERVAL_S = 10
# How long a driver may be silent before a sweeper lets another take its run; renewed with every batch.
RUN_LEASE_S = 10
# Results a workspace may keep for reuse; the least recently used go first.
CACHE_MAX_ENTRIES = 100_000
CACHE_MAX_BYTES = 10 * 1024**3
# How long a running run may go without its driver looking; covers a lost poke.
RUN_QUIET_S = 20
# How long a lane's worker may miss its heartbeat (every 3 s) before the step is given to another.
STEP_LEASE_S = 12
# So many steps of one workspace may run at once in a lane, on all hosts together. Fewer than the `io` worker has
# threads: where one workspace waits for slow hosts, there is room for others and for what is no step.
WORKSPACE_IO_STEPS = number("WORKSPACE_IO_STEPS", 24)
WORKSPACE_WORK_STEPS = number("WORKSPACE_WORK_STEPS", 16)
# Where token buckets are kept, and what their keys begin with. They may be lost at any time: then all are full.
LIMITS_REDIS_URL = text("LIMITS_REDIS_URL", REDIS_URL)
LIMITS_PREFIX = "millrace:limit"
# How many proxies stand before the site, each of which adds the address it heard from to X-Forwarded-For. With one too
# many, people could make their address up; with one too few, all of them would share the proxy's limits. allauth reads
# it too: sign-in, sign-up and forgotten passwords have limits of their own there.
TRUSTED_PROXY_COUNT = ALLAUTH_TRUSTED_PROXY_COUNT = number("TRUSTED_PROXY_COUNT", 0)
# Address and key of the sandbox vendor; it is served by this same site unless told otherwise.
SANDBOX_URL = text("SANDBOX_URL", f"http://127.0.0.1:{PORT}")
SANDBOX_KEY = text("SANDBOX_KEY", SECRET_KEY)
# The platform's accounts with vendors, by the name before the slash of a model's id. Without a key a vendor is offered
# to those workspaces only that have one of their own.
VENDORS = (
    "openai",
    "fal",
    "replicate",
    "runway",
    "google",
    "luma",
    "stability",
    "bfl",
    "elevenlabs",
    "ollama",
    "comfyui",
)
PROVIDERS: dict[str, dict[str, str]] = {
    name: {
        "key": text(f"{name.upper()}_API_KEY", ""),
        "base_url": text(f"{name.upper()}_BASE_URL", ""),
        "webhook_secret": text(f"{name.upper()}_WEBHOOK_SECRET", ""),
    }
    for name in VENDORS
} | {"sandbox": {"key": SANDBOX_KEY, "base_url": SANDBOX_URL}}
# How fast calls are sent to a vendor with one account: calls a second (twice as many at once), and the rest wait. Below
# what the vendors allow by default; without an entry there is no pace.
PROVIDER_RATES: dict[str, float] = {
    name: float(text(f"{name.upper()}_RATE", default)) for name, default in dict.fromkeys(VENDORS, "10").items()
}
# Selling credits by Stripe. Without a key nothing can be bought here; a key of test mode never touches real money.
STRIPE_SECRET_KEY = text("STRIPE_SECRET_KEY", "")
# What Stripe signs its webhooks with; while a secret is being replaced, both, separated by a comma.
STRIPE_WEBHOOK_SECRET = words("STRIPE_WEBHOOK_SECRET", "")
# Stripe itself unless told otherwise.
STRIPE_API_BASE = text("STRIPE_API_BASE", "")
# Let Stripe add tax to prices; the account must be set up for it there.
STRIPE_TAX = flag("STRIPE_TAX", False)
BILLING_CURRENCY = text("BILLING_CURRENCY", "usd").lower()
# Price of one credit in micro-units of the currency (10,000 are a cent), where no pack makes it cheaper.
CREDIT_PRICE_MICRO = number("CREDIT_PRICE_MICRO", 10_000)
# Where a provider reaches our webhooks.
WEBHOOK_URL = text("WEBHOOK_URL", f"http://127.0.0.1:{PORT}")
# Largest file a person may upload, bytes.
UPLOAD_MAX_BYTES = number("UPLOAD_MAX_BYTES", 2 * 1024**3)
# The demo person's password; the embedded stack makes one up and prints it. Empty: nobody signs in as the demo.
DEMO_PASSWORD = text("DEMO_PASSWORD", "")
