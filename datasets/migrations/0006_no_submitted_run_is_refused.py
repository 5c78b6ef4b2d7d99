"""A submitted run is open, complete or aborted: what is refused of it is refused file by file, and leaves it open."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("datasets", "0005_append_only_upstream")]
    operations = [
        migrations.AlterField(
            model_name="submittedrun",
            name="state",
            field=models.CharField(
                choices=[("open", "open"), ("complete", "complete"), ("aborted", "aborted")],
                default="open",
                max_length=10,
            ),
        )
    ]
