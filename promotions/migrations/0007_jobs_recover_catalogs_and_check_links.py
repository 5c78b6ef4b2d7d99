"""Jobs that recover catalogs and that check outside links."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('promotions', '0006_append_only_comments'),
    ]

    operations = [
        migrations.AlterField(
            model_name='job',
            name='kind',
            field=models.CharField(choices=[('fetch', 'fetch from the upstream'), ('intake', 'ingest'), ('promotion', 'checks and catalogs'), ('rebuild', 'rebuild of projections'), ('recovery', 'recovery of catalogs'), ('links', 'check of outside links')], max_length=16),
        ),
    ]
