"""What policy changes, grants with an end, embargoes, drift checks and outside links are kept in."""

import django.db.models.deletion
import simple_history.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('datasets', '0006_no_submitted_run_is_refused'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='DatasetGrant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('grant', models.CharField(max_length=24)),
                ('reason', models.TextField()),
                ('given_by', models.CharField(max_length=150)),
                ('confirmed_by', models.CharField(blank=True, max_length=150)),
                ('given_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_by', models.CharField(blank=True, max_length=150)),
            ],
            options={
                'ordering': ['-pk'],
            },
        ),
        migrations.CreateModel(
            name='DriftCheck',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('outcome', models.CharField(choices=[('same', 'as recorded'), ('drifted', 'differs from what its facts make'), ('not_checked', 'could not be checked')], max_length=12)),
                ('detail', models.CharField(blank=True, max_length=300)),
                ('principal', models.CharField(max_length=150)),
            ],
            options={
                'ordering': ['-pk'],
            },
        ),
        migrations.CreateModel(
            name='Embargo',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('until', models.DateField(help_text='First day on which it may be lifted.')),
                ('reason', models.TextField()),
                ('set_by', models.CharField(max_length=150)),
                ('set_at', models.DateTimeField()),
                ('lifted_by', models.CharField(blank=True, max_length=150)),
                ('lifted_at', models.DateTimeField(blank=True, null=True)),
                ('lift_reason', models.TextField(blank=True)),
            ],
            options={
                'ordering': ['-pk'],
            },
        ),
        migrations.CreateModel(
            name='ExternalLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('url', models.CharField(max_length=2000)),
                ('url_digest', models.CharField(max_length=71)),
                ('named_as', models.CharField(help_text='Catalog field that names it.', max_length=80)),
                ('first_seen_at', models.DateTimeField()),
                ('next_check_at', models.DateTimeField(help_text='Empty: no catalog names it any more.', null=True)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('last_outcome', models.CharField(blank=True, choices=[('answers', 'answers'), ('gone', 'gone'), ('fails', 'does not answer'), ('refused', 'not asked: the address is not allowed')], max_length=10)),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='HistoricalDatasetGrant',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('grant', models.CharField(max_length=24)),
                ('reason', models.TextField()),
                ('given_by', models.CharField(max_length=150)),
                ('confirmed_by', models.CharField(blank=True, max_length=150)),
                ('given_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_by', models.CharField(blank=True, max_length=150)),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
            ],
            options={
                'verbose_name': 'historical dataset grant',
                'verbose_name_plural': 'historical dataset grants',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='HistoricalEmbargo',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('until', models.DateField(help_text='First day on which it may be lifted.')),
                ('reason', models.TextField()),
                ('set_by', models.CharField(max_length=150)),
                ('set_at', models.DateTimeField()),
                ('lifted_by', models.CharField(blank=True, max_length=150)),
                ('lifted_at', models.DateTimeField(blank=True, null=True)),
                ('lift_reason', models.TextField(blank=True)),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
            ],
            options={
                'verbose_name': 'historical embargo',
                'verbose_name_plural': 'historical embargos',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='HistoricalPolicyChange',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('kind', models.CharField(choices=[('label.create', 'new label'), ('label.edit', 'edited label'), ('role.assign', 'role for a person'), ('grant.give', 'grant on a dataset'), ('embargo.lift', 'early end of an embargo')], max_length=16)),
                ('subject', models.CharField(help_text='label/<name>, user/<principal> or dataset/<slug>.', max_length=200)),
                ('document', models.TextField()),
                ('basis_digest', models.CharField(max_length=71)),
                ('needs_second', models.BooleanField()),
                ('state', models.CharField(choices=[('pending', 'waits for a second person'), ('applied', 'applied'), ('refused', 'refused'), ('taken_back', 'taken back')], default='pending', max_length=12)),
                ('reason', models.TextField()),
                ('asked_by', models.CharField(max_length=150)),
                ('asked_at', models.DateTimeField()),
                ('decided_by', models.CharField(blank=True, max_length=150)),
                ('decided_role', models.CharField(blank=True, max_length=20)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('decision_reason', models.TextField(blank=True)),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
            ],
            options={
                'verbose_name': 'historical policy change',
                'verbose_name_plural': 'historical policy changes',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='LinkCheck',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('outcome', models.CharField(choices=[('answers', 'answers'), ('gone', 'gone'), ('fails', 'does not answer'), ('refused', 'not asked: the address is not allowed')], max_length=10)),
                ('status', models.PositiveSmallIntegerField(null=True)),
                ('detail', models.CharField(blank=True, max_length=300)),
            ],
            options={
                'ordering': ['-pk'],
            },
        ),
        migrations.CreateModel(
            name='PolicyBundle',
            fields=[
                ('digest', models.CharField(max_length=71, primary_key=True, serialize=False)),
                ('canonical', models.TextField()),
                ('first_used_at', models.DateTimeField()),
            ],
            options={
                'ordering': ['first_used_at'],
            },
        ),
        migrations.CreateModel(
            name='PolicyChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('label.create', 'new label'), ('label.edit', 'edited label'), ('role.assign', 'role for a person'), ('grant.give', 'grant on a dataset'), ('embargo.lift', 'early end of an embargo')], max_length=16)),
                ('subject', models.CharField(help_text='label/<name>, user/<principal> or dataset/<slug>.', max_length=200)),
                ('document', models.TextField()),
                ('basis_digest', models.CharField(max_length=71)),
                ('needs_second', models.BooleanField()),
                ('state', models.CharField(choices=[('pending', 'waits for a second person'), ('applied', 'applied'), ('refused', 'refused'), ('taken_back', 'taken back')], default='pending', max_length=12)),
                ('reason', models.TextField()),
                ('asked_by', models.CharField(max_length=150)),
                ('asked_at', models.DateTimeField()),
                ('decided_by', models.CharField(blank=True, max_length=150)),
                ('decided_role', models.CharField(blank=True, max_length=20)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('decision_reason', models.TextField(blank=True)),
            ],
            options={
                'ordering': ['-pk'],
            },
        ),
        migrations.AddField(
            model_name='historicalroleassignment',
            name='confirmed_by',
            field=models.CharField(blank=True, max_length=150),
        ),
        migrations.AddField(
            model_name='historicalroleassignment',
            name='expires_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='roleassignment',
            name='confirmed_by',
            field=models.CharField(blank=True, max_length=150),
        ),
        migrations.AddField(
            model_name='roleassignment',
            name='expires_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name='policydecision',
            index=models.Index(fields=['decided_at'], name='datasets_po_decided_e31c93_idx'),
        ),
        migrations.AddField(
            model_name='datasetgrant',
            name='dataset',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='grants', to='datasets.dataset'),
        ),
        migrations.AddField(
            model_name='datasetgrant',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='dataset_grants', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='driftcheck',
            name='report',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='datasets.artifact'),
        ),
        migrations.AddField(
            model_name='driftcheck',
            name='version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='drift_checks', to='datasets.datasetversion'),
        ),
        migrations.AddField(
            model_name='embargo',
            name='dataset',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='embargoes', to='datasets.dataset'),
        ),
        migrations.AddField(
            model_name='externallink',
            name='dataset',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='external_links', to='datasets.dataset'),
        ),
        migrations.AddField(
            model_name='historicaldatasetgrant',
            name='dataset',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='datasets.dataset'),
        ),
        migrations.AddField(
            model_name='historicaldatasetgrant',
            name='history_user',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='historicaldatasetgrant',
            name='user',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='historicalembargo',
            name='dataset',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='datasets.dataset'),
        ),
        migrations.AddField(
            model_name='historicalembargo',
            name='history_user',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='historicalpolicychange',
            name='history_user',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='linkcheck',
            name='link',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='checks', to='datasets.externallink'),
        ),
        migrations.AddIndex(
            model_name='policychange',
            index=models.Index(fields=['state', 'asked_at'], name='datasets_po_state_815322_idx'),
        ),
        migrations.AddConstraint(
            model_name='policychange',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', True), ('decided_by', ''), ('state', 'pending')), models.Q(models.Q(('state', 'pending'), _negated=True), ('decided_at__isnull', False), models.Q(('decided_by', ''), _negated=True)), _connector='OR'), name='decided_changes_say_by_whom'),
        ),
        migrations.AddConstraint(
            model_name='policychange',
            constraint=models.CheckConstraint(condition=models.Q(('decided_by', models.F('asked_by')), ('needs_second', True), ('state', 'applied'), _negated=True), name='who_asks_to_open_does_not_confirm'),
        ),
        migrations.AddIndex(
            model_name='datasetgrant',
            index=models.Index(fields=['user', 'revoked_at'], name='datasets_da_user_id_736090_idx'),
        ),
        migrations.AddConstraint(
            model_name='datasetgrant',
            constraint=models.UniqueConstraint(condition=models.Q(('revoked_at__isnull', True)), fields=('user', 'dataset', 'grant'), name='one_active_grant_a_kind'),
        ),
        migrations.AddConstraint(
            model_name='datasetgrant',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('revoked_at__isnull', True), ('revoked_by', '')), models.Q(('revoked_at__isnull', False), models.Q(('revoked_by', ''), _negated=True)), _connector='OR'), name='revoked_grants_say_by_whom'),
        ),
        migrations.AddIndex(
            model_name='driftcheck',
            index=models.Index(fields=['version', 'at'], name='datasets_dr_version_e61736_idx'),
        ),
        migrations.AddConstraint(
            model_name='embargo',
            constraint=models.UniqueConstraint(condition=models.Q(('lifted_at__isnull', True)), fields=('dataset',), name='one_open_embargo_a_dataset'),
        ),
        migrations.AddConstraint(
            model_name='embargo',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('lifted_at__isnull', True), ('lifted_by', '')), models.Q(('lifted_at__isnull', False), models.Q(('lifted_by', ''), _negated=True)), _connector='OR'), name='lifted_embargoes_say_by_whom'),
        ),
        migrations.AddIndex(
            model_name='externallink',
            index=models.Index(fields=['next_check_at'], name='datasets_ex_next_ch_5f1a70_idx'),
        ),
        migrations.AddConstraint(
            model_name='externallink',
            constraint=models.UniqueConstraint(fields=('dataset', 'url_digest'), name='one_row_a_link'),
        ),
    ]
