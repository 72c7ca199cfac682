"""A rolling upgrade migrates first: the version before finds what it knows and waits for no long lock."""

from __future__ import annotations

import pytest
from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently
from django.db import models
from django.db.migrations import Migration, operations
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState, ProjectState

from config.migration_policy import ALLOWED, findings, judge

CHECK = models.CheckConstraint(condition=models.Q(note=""), name="no_note")
INDEX = models.Index(fields=["note"], name="by_note")
BREAKING = [
    operations.RemoveField("call", "note"),
    operations.DeleteModel("Call"),
    operations.RenameField("call", "note", "remark"),
    operations.RenameModel("Call", "Talk"),
    operations.AlterModelTable("call", "talks"),
    operations.AddField("call", "more", models.CharField(max_length=4, default="")),
    operations.AddField("call", "more", models.CharField(max_length=4, null=True, db_index=True)),
    operations.AddField("call", "more", models.CharField(max_length=4, null=True, unique=True)),
    operations.AddField("call", "other", models.ForeignKey("calling.Call", models.CASCADE, null=True)),
    operations.AlterField("call", "note", models.CharField(max_length=20)),
    operations.AlterField("call", "note", models.CharField(max_length=10, null=True)),
    operations.AlterField("call", "note", models.IntegerField(null=True)),
    operations.AlterField("call", "note", models.CharField(max_length=20, null=True, db_column="n")),
    operations.AddIndex("call", INDEX),
    operations.AddConstraint("call", CHECK),
    operations.RunSQL("DROP TABLE calling_call"),
    operations.RunPython(operations.RunPython.noop),
    operations.SeparateDatabaseAndState([operations.RemoveField("call", "note")]),
]
HARMLESS = [
    operations.CreateModel("Other", [("id", models.AutoField(primary_key=True))]),
    operations.AddField("call", "more", models.CharField(max_length=4, null=True)),
    operations.AddField("call", "more", models.CharField(max_length=4, default="", db_default="")),
    operations.AlterField("call", "note", models.CharField(max_length=30, null=True)),
    operations.AlterField("call", "note", models.TextField(null=True)),
    operations.AlterField("call", "note", models.CharField(max_length=20, null=True, help_text="a word")),
    operations.AlterModelOptions("call", {"ordering": ["id"]}),
    operations.SeparateDatabaseAndState([], [operations.RemoveField("call", "note")]),
    AddIndexConcurrently("call", INDEX),
    AddConstraintNotValid("call", CHECK),
]


def reasons(*changes: Operation, atomic: bool = False) -> list[str]:
    note = models.CharField(max_length=20, null=True)
    fields = [("id", models.AutoField(primary_key=True)), ("note", note)]
    before = ProjectState()
    before.add_model(ModelState("calling", "Call", fields))
    migration = Migration("0999_change", "calling")
    migration.operations, migration.atomic = list(changes), atomic
    return [why for _, why in judge(migration, before)]


def test_no_migration_breaks_the_version_before() -> None:
    assert {name: why for name, why in findings().items() if name not in ALLOWED} == {}


def test_what_is_allowed_is_there_and_has_a_reason() -> None:
    assert set(ALLOWED) <= set(findings())
    assert all(len(why) > 20 for why in ALLOWED.values())


@pytest.mark.parametrize("operation", BREAKING, ids=lambda each: each.describe())
def test_what_the_old_version_does_not_survive_is_found(operation: Operation) -> None:
    assert len(reasons(operation)) == 1


@pytest.mark.parametrize("operation", HARMLESS, ids=lambda each: each.describe())
def test_what_it_does_not_notice_is_let_through(operation: Operation) -> None:
    assert reasons(operation) == []


def test_an_index_made_concurrently_needs_a_migration_without_a_transaction() -> None:
    assert len(reasons(AddIndexConcurrently("call", INDEX), atomic=True)) == 1


def test_a_table_of_the_same_migration_may_be_changed_at_will() -> None:
    made = operations.CreateModel("Other", [("id", models.AutoField(primary_key=True))])
    number = operations.AddField("other", "number", models.IntegerField())
    index = operations.AddIndex("other", models.Index(fields=["number"], name="by_number"))
    assert reasons(made, number, index) == []
