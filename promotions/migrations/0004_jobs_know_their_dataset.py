"""Jobs that are there get their dataset from their acquisition; from now on a job may begin before there is one."""

from django.db import migrations


def fill(apps, schema_editor):
    Job = apps.get_model("promotions", "Job")
    for job in Job.objects.filter(dataset__isnull=True).select_related("acquisition").iterator():
        job.dataset_id = job.acquisition.dataset_id
        job.save(update_fields=["dataset"])


class Migration(migrations.Migration):
    dependencies = [("promotions", "0003_inbox_notices_and_modes")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
