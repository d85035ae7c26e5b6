"""The studio as a folder of static files: the same page, with ONNX graphs in place of the server (``docs/web.md``)."""

import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from spatialgan import __version__
from spatialgan.api import SpatialGAN
from spatialgan.editing.edits import EDITS, Add, Duplicate, Edit
from spatialgan.errors import SpatialGANError
from spatialgan.files import user_path, written_whole
from spatialgan.importing.onnx_graphs import DESCRIPTION, GRAPH, export_onnx, layout_ports, require_packages
from spatialgan.importing.writing import noise_notes
from spatialgan.studio.model_list import Models, Offer
from spatialgan.studio.wire import measured_handles, offered_actions

HERE = Path(__file__).parent
PAGE, ANSWERS = HERE / "static", HERE / "web"
PACKAGE = Path("node_modules/onnxruntime-web")
RUNTIME = {"ort.wasm.bundle.min.mjs": "ort.js", "ort-wasm-simd-threaded.wasm": "ort.wasm"}  # in dist, and exported as
SERVERS_OWN = ("login.html", "login.css", "login.js", "docs.css")
# Edits that are not in web/edits.js: graphs draw as many objects as their models were trained with.
SERVERS_EDITS: tuple[type[Edit], ...] = (Duplicate, Add)
BACKEND = "export * from './web/backend.js';\n"
POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data: blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'none'"
)
FIELDS = (  # of the model's configuration, that its pictures are sampled by
    "z_dim",
    "w_dim",
    "num_styles",
    "image_channels",
    "encoding",
    "layout",
    "sampling",
    "center_std",
    "num_objects",
    "object_std_min",
    "object_std_max",
    "object_spacing",
)


def export_web(
    sources: Sequence[str], out: Path, *, runtime: Path | None = None, report: Callable[[str], None] = lambda line: None
) -> Path:
    """Write the studio as files that any web server serves.

    Args:
        sources: bundled names and paths of models; none takes all bundled ones.
        out: the folder, which is not there yet or empty.
        runtime: of the npm package onnxruntime-web; None: in ``node_modules`` of the current folder.
        report: told what is being done.

    Raises:
        SpatialGANError: something is missing, the folder has something in it, or a model has no graphs.
    """
    require_packages()
    files = runtime_files(PACKAGE if runtime is None else user_path(runtime))
    out = user_path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SpatialGANError(f"{out} is there already; name a new folder, or an empty one")
    models = named(sources)
    for model in models.values():
        layout_ports(model.config.model)  # raises where there are no graphs, before minutes are spent on others
    try:
        with written_whole(out) as folder:
            _copy_page(folder)
            (folder / "ort").mkdir()
            for path, name in files.items():
                shutil.copyfile(path, folder / "ort" / name)
            (folder / "models").mkdir()
            for name, model in models.items():
                report(f"{name}: making its graphs, and comparing them with PyTorch")
                export_onnx(model, folder / "models" / f"{name}{GRAPH}")
                for note in noise_notes(model.config.model):
                    report(f"{name}: {note}")
            said = studio_json(models)
            (folder / "studio.json").write_text(json.dumps(said, indent=1) + "\n")
            if out.exists():
                out.rmdir()
    except OSError as e:
        raise SpatialGANError(f"{out} cannot be written: {e.strerror or e}") from e
    return out


def runtime_files(package: Path) -> dict[Path, str]:
    """The files of an installed onnxruntime-web that a page needs, and what they are called there; raises
    SpatialGANError where they are missing."""
    files = {package / "dist" / name: exported for name, exported in RUNTIME.items()}
    missing = [path for path in files if not path.is_file()]
    if missing:
        raise SpatialGANError(
            f"{missing[0]} is missing; run npm install onnxruntime-web in this folder, or say with --ort where it is"
        )
    return files


def named(sources: Sequence[str]) -> dict[str, SpatialGAN]:
    """Models by the names that visitors see, which say nothing of this computer; raises SpatialGANError where two have
    one name."""
    models: dict[str, SpatialGAN] = {}
    for offer in Models(sources).offers.values():
        name = re.sub(r"[^A-Za-z0-9._-]", "_", offer.path.stem)  # a part of addresses
        if name in models:
            raise SpatialGANError(f"two of the models are called {name}; rename the files of one")
        models[name] = SpatialGAN.load(offer.path, device="cpu")
    return models


def studio_json(models: dict[str, SpatialGAN]) -> dict[str, Any]:
    """What the page has to know: what a server would answer, and of each model how its pictures are sampled."""
    edits = [edit for edit in EDITS if edit not in SERVERS_EDITS]
    return {
        "version": __version__,
        "mp4": False,
        "models": [
            Offer(name, Path(), model.weights_hash, model.config.model, has_attention=False).to_json()
            for name, model in models.items()
        ],
        "actions": offered_actions(edits),
        "labels": {edit.name: edit.label for edit in edits},
        "sources": {
            name: {
                "graphs": f"models/{name}{DESCRIPTION}",
                "config": {field: getattr(model.config.model, field) for field in FIELDS},
                "handles": [
                    {"level": level, "point": point, "acts": acts, "reach": reach}
                    for (level, point), (acts, reach) in measured_handles(model.card).items()
                ],
            }
            for name, model in models.items()
        },
    }


def _copy_page(folder: Path) -> None:
    """The page, with what answers it in place of a server."""
    shutil.copytree(PAGE, folder, ignore=shutil.ignore_patterns(*SERVERS_OWN))
    shutil.copytree(ANSWERS, folder / "js/web", ignore=shutil.ignore_patterns("*.d.ts"))
    (folder / "js/backend.js").write_text(BACKEND)
    index = folder / "index.html"
    html = index.read_text()
    for old, new in (
        (
            '<meta charset="utf-8">',
            f'<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        ),
        ("<body ", "<body data-alone "),
    ):
        assert html.count(old) == 1
        html = html.replace(old, new)
    index.write_text(html)
