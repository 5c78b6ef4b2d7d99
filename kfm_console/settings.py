"""Settings: embedded defaults for ``make up``; production by environment alone (see ``.env.example``)."""

from __future__ import annotations

import importlib.util
import os
import sys
from contextlib import suppress
from pathlib import Path

from csp.constants import NONE, SELF
from django.core.management.utils import get_random_secret_key

from kfm_console.environment import SettingsError, credentials, database, directories, flag, host_patterns
from kfm_console.public_address import public_url

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(os.environ.get("KFM_VAR_DIR", BASE_DIR / "var"))
VAR_DIR.mkdir(parents=True, exist_ok=True)

PRODUCTION = flag(os.environ.get("KFM_PRODUCTION"), name="KFM_PRODUCTION", default=False)
DEBUG = False
TESTING = "pytest" in sys.modules


def _secret_key() -> str:
    given = os.environ.get("KFM_SECRET_KEY", "")
    if given:
        return given
    if PRODUCTION:
        raise SettingsError("KFM_SECRET_KEY is not set. Give production a random key of 50 characters or more.")
    path = VAR_DIR / "secret_key"
    if not path.exists():
        draft = path.with_name(f"secret_key.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(get_random_secret_key())
        with suppress(FileExistsError):  # another process was first: its key stands
            os.link(draft, path)
        draft.unlink()
    return path.read_text()


SECRET_KEY = _secret_key()
ALLOWED_HOSTS = os.environ.get("KFM_ALLOWED_HOSTS", "127.0.0.1,localhost,[::1],testserver").split(",")
CSRF_TRUSTED_ORIGINS = [o for o in os.environ.get("KFM_TRUSTED_ORIGINS", "").split(",") if o]

INSTALLED_APPS = [
    "kfm_console",
    "promotions",
    "datasets",
    "audit",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "csp",
    "guardian",
    "simple_history",
    "rest_framework",
    "drf_spectacular",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "kfm_console.errors.MethodMiddleware",
    "kfm_console.middleware.FormLimitMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "kfm_console.middleware.PersonMiddleware",
    "kfm_console.middleware.DecisionMiddleware",
    "kfm_console.middleware.ViewingAsMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "kfm_console.urls"
WSGI_APPLICATION = "kfm_console.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "kfm_console.context.console",
            ],
        },
    },
]

DATABASES = {"default": database(os.environ.get("DATABASE_URL", ""), VAR_DIR / "console.sqlite3")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
if TESTING:
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # tests make many accounts; speed is all
ANONYMOUS_USER_NAME = None  # guardian: the public is no user row
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

# --- static files: the app serves them all, nothing comes from elsewhere ---
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
_maplibre = importlib.util.find_spec("maplibre")
if _maplibre is None or _maplibre.origin is None:
    raise SettingsError("The package 'maplibre' is not installed; it carries the map's static files. Run: make setup")
STATICFILES_DIRS = [
    BASE_DIR / "static",
    ("maplibre", Path(_maplibre.origin).parent / "srcjs"),
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if TESTING
        else "kfm_console.static_storage.ConsoleStaticStorage"
    },
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True

# --- what a browser may do ---
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "worker-src": [SELF, "blob:"],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
if PRODUCTION:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 31_536_000

# --- uploads: streamed to disk, bounded ---
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
FILE_UPLOAD_TEMP_DIR = VAR_DIR / "incoming"
FILE_UPLOAD_TEMP_DIR.mkdir(parents=True, exist_ok=True)
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
KFM_MAX_FORM_BYTES = 10 * 1024**2  # of a form with a small file, such as a spec
KFM_UPLOAD_MAX_BYTES = int(os.environ.get("KFM_UPLOAD_MAX_BYTES", str(2 * 1024**3)))

# --- sources: what may be read, how much of it, and the secrets that sources name but never hold ---
# The demo has a source over a directory of its own; elsewhere none may be read until it is named.
KFM_DEMO = flag(os.environ.get("KFM_DEMO"), name="KFM_DEMO", default=not PRODUCTION)
_DEMO_ROOT = str((VAR_DIR / "demo_upstream").resolve()) if KFM_DEMO and not PRODUCTION else ""
KFM_SOURCE_ROOTS = directories(os.environ.get("KFM_SOURCE_ROOTS", _DEMO_ROOT), name="KFM_SOURCE_ROOTS")
KFM_SOURCE_CREDENTIALS = credentials(os.environ.get("KFM_SOURCE_CREDENTIALS", ""))
# Outside addresses that catalogs name are asked only at hosts that a source names, and at these ("*": any public host).
KFM_LINK_HOSTS = host_patterns(os.environ.get("KFM_LINK_HOSTS", ""), name="KFM_LINK_HOSTS")
KFM_FETCH_MAX_BYTES = int(os.environ.get("KFM_FETCH_MAX_BYTES", str(5 * 1024**3)))
KFM_FETCH_MAX_SECONDS = int(os.environ.get("KFM_FETCH_MAX_SECONDS", "3600"))

# --- the store, the ledger's key ---
KFM_STORAGE_URL = os.environ.get("KFM_STORAGE_URL", (VAR_DIR / "store").as_uri())
KFM_LEDGER_ORIGIN = os.environ.get("KFM_LEDGER_ORIGIN", "kansasfrontiermatrix.org/console/ledger")
KFM_LEDGER_KEY = os.environ.get("KFM_LEDGER_KEY", "")  # Ed25519 private key, PEM text; absent: a key file in var/
KFM_LEDGER_KEY_FILE = VAR_DIR / "ledger_ed25519.pem"
KFM_WEBHOOK_KEY = os.environ.get("KFM_WEBHOOK_KEY", "")  # as KFM_LEDGER_KEY; absent: a key file beside the ledger's
KFM_PUBLIC_URL_FILE = VAR_DIR / "public_url"
KFM_PUBLIC_URL = public_url(os.environ.get("KFM_PUBLIC_URL"), KFM_PUBLIC_URL_FILE)
KFM_CONTAINER_DIGEST = os.environ.get("KFM_CONTAINER_DIGEST", "")
KFM_GIT_COMMIT = os.environ.get("KFM_GIT_COMMIT", "")

# --- the quarantine inbox: how long a claim lasts; notices by e-mail are sent once there is a mail server ---
KFM_CLAIM_HOURS = int(os.environ.get("KFM_CLAIM_HOURS", "4"))
EMAIL_HOST = os.environ.get("KFM_EMAIL_HOST", "")
EMAIL_PORT = int(os.environ.get("KFM_EMAIL_PORT", "587"))
EMAIL_HOST_USER = os.environ.get("KFM_EMAIL_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("KFM_EMAIL_PASSWORD", "")
EMAIL_USE_TLS = flag(os.environ.get("KFM_EMAIL_TLS"), name="KFM_EMAIL_TLS", default=True)
EMAIL_TIMEOUT = 15
DEFAULT_FROM_EMAIL = os.environ.get("KFM_EMAIL_FROM", "KFM Console <console@localhost>")
KFM_EMAIL = bool(EMAIL_HOST)

# --- background work: the broker only wakes workers; what is owed is a row ---
REDIS_URL = os.environ.get("REDIS_URL", "")
CELERY_BROKER_URL = REDIS_URL or f"sqla+sqlite:///{VAR_DIR / 'broker.sqlite3'}"
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {"visibility_timeout": 3600, "unacked_restore_interval": 10, "unacked_restore_throttle": 1} if REDIS_URL else {}
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = {
    "owed-work": {"task": "promotions.tasks.sweep_owed_work", "schedule": 5.0, "options": {"expires": 15}},
    "fetch-due": {"task": "promotions.tasks.fetch_due", "schedule": 60.0, "options": {"expires": 60}},
    "owed-deliveries": {"task": "promotions.tasks.deliver_owed", "schedule": 30.0, "options": {"expires": 60}},
    "catalog-drift": {"task": "promotions.tasks.check_catalogs", "schedule": 300.0, "options": {"expires": 300}},
    "outside-links": {"task": "promotions.tasks.check_links", "schedule": 3600.0, "options": {"expires": 3600}},
    "overdue-cases": {"task": "promotions.tasks.tell_overdue", "schedule": 3600.0, "options": {"expires": 3600}},
    "embargo-days": {"task": "promotions.tasks.tell_embargoes", "schedule": 3600.0, "options": {"expires": 3600}},
    "ended-rights": {"task": "promotions.tasks.end_and_remind", "schedule": 60.0, "options": {"expires": 60}},
    "checkpoint": {"task": "audit.tasks.sign_checkpoint", "schedule": 60.0, "options": {"expires": 300}},
    "store-scrub": {"task": "datasets.tasks.scrub_store", "schedule": 3600.0, "options": {"expires": 3600}},
}
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "beat-schedule")

# --- the ledger's readers: the audit app knows groups only; this says whose right has ended by the clock ---
AUDIT_LAPSED = "datasets.people.ledger_lapsed"
AUDIT_REFUSED = "kfm_console.errors.ledger_refused"
CSRF_FAILURE_VIEW = "kfm_console.errors.csrf_failure"

REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "KFM governed API",
    "DESCRIPTION": "Published dataset versions of the Kansas Frontier Matrix, with their evidence.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    # A refused page is an answer, not a fault: Django would log each with a traceback.
    "loggers": {"django.request": {"level": "ERROR"}},
    "root": {"handlers": ["stderr"], "level": os.environ.get("KFM_LOG_LEVEL", "WARNING")},
}
