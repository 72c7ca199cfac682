"""`manage.py cells MAP`: writes the configuration of a proxy in front of several instances."""

from __future__ import annotations

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.cells import cell_map, haproxy


class Command(BaseCommand):
    help = "Writes haproxy.cfg and its two maps from a file that says which project lives in which cell."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("map", metavar="MAP", help="the TOML file, see docs/scaling.md#cells")
        parser.add_argument("--out", metavar="DIRECTORY", default=".", help="where to write (here)")
        parser.add_argument("--at", metavar="DIRECTORY", help="where the proxy finds the maps (as --out)")

    def handle(self, *args: object, **options: str) -> None:
        out = Path(options["out"]).resolve()
        try:
            found = cell_map.read(Path(options["map"]).read_text())
            out.mkdir(parents=True, exist_ok=True)
            for name, text in haproxy.files(found, options["at"] or str(out)).items():
                fresh = out / f"{name}.new"
                fresh.write_text(text)
                fresh.replace(out / name)
                self.stdout.write(str(out / name))
        except cell_map.WrongMap as wrong:
            raise CommandError(f"{options['map']}: {wrong}") from None
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise CommandError(f"{options['map']} is not text in UTF-8.") from None
