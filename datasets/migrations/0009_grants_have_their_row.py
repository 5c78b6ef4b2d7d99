"""Every grant on a dataset that was given before grants had a row gets one, or it would count for nothing (ADR 0026)."""

from django.conf import settings
from django.db import migrations
from django.utils import timezone

GRANTS = (
    "contribute_dataset",
    "operate_dataset",
    "review_dataset",
    "steward_dataset",
    "council_dataset",
    "read_restricted",
)
REASON = "Kept from before: given when grants had no row of their own."


def keep(apps, schema_editor):
    permissions = apps.get_model("guardian", "UserObjectPermission").objects.filter(
        content_type__app_label="datasets",
        content_type__model="dataset",
        permission__codename__in=GRANTS,
        user__is_active=True,
    )
    grants = apps.get_model("datasets", "DatasetGrant").objects
    history = apps.get_model("datasets", "HistoricalDatasetGrant").objects
    datasets = set(apps.get_model("datasets", "Dataset").objects.values_list("pk", flat=True))
    now = timezone.now()
    for user, key, grant in permissions.values_list("user_id", "object_pk", "permission__codename"):
        if int(key) not in datasets:  # guardian's rows have no foreign key: one may outlive its dataset
            continue
        facts = {"user_id": user, "dataset_id": int(key), "grant": grant, "reason": REASON, "given_by": "console"}
        row, created = grants.get_or_create(
            user_id=user, dataset_id=int(key), grant=grant, revoked_at=None, defaults=facts | {"given_at": now}
        )
        if created:
            history.create(id=row.pk, **facts, given_at=now, history_date=now, history_type="+")


class Migration(migrations.Migration):
    dependencies = [
        ("datasets", "0008_append_only_policy_and_upkeep"),
        ("guardian", "0003_remove_groupobjectpermission_guardian_gr_content_ae6aec_idx_and_more"),
        ("contenttypes", "0002_remove_content_type_name"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [migrations.RunPython(keep, migrations.RunPython.noop)]
