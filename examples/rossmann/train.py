"""Trains the three versions of `rossmann-ensemble` and writes models, hold-out and `versions.json`."""

import argparse
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import sklearn
from onnx import TensorProto, helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor, VotingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from data import FEATURES, TARGET, build_rows, generate, read_kaggle

MODEL = "rossmann-ensemble"
SEED = 2015
GENERATED_STORES = 150
HOLDOUT_WEEKS = 6
HOLDOUT_ROWS = 800
FOREST_ROWS = 20_000
OPSETS = {"": 17, "ai.onnx.ml": 3}
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Recipe:
    """How one version is made: its estimator and what its training extract looked like."""

    version: int
    author: str
    algorithm: str
    extract: str
    description: str
    build: Callable[[], VotingRegressor]
    prepare: Callable[[pd.DataFrame], pd.DataFrame]


def ridge() -> Pipeline:
    """Linear in log sales, with one coefficient for each store, weekday, month and store type."""
    one_hot = [FEATURES.index(name) for name in ("Store", "DayOfWeek", "Month", "StoreType")]
    scaled = [index for index in range(len(FEATURES)) if index not in one_hot]
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), one_hot),
        (StandardScaler(), scaled),
    )
    return make_pipeline(encode, Ridge(alpha=1.0))


def baseline() -> VotingRegressor:
    """Ridge and a small random forest, averaged."""
    forest = RandomForestRegressor(n_estimators=12, max_leaf_nodes=80, random_state=SEED)
    return VotingRegressor([("ridge", ridge()), ("forest", forest)])


def boosted() -> VotingRegressor:
    """Ridge and gradient boosting, averaged one to three."""
    boosting = HistGradientBoostingRegressor(
        learning_rate=0.2, max_iter=120, max_leaf_nodes=24, early_stopping=False, random_state=SEED
    )
    return VotingRegressor([("ridge", ridge()), ("boosting", boosting)], weights=np.array([1, 3]))


def sample_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """A fixed sample of the training rows."""
    return rows.sample(min(FOREST_ROWS, len(rows)), random_state=SEED)


def lose_promotions(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows as a failed join with the promotion calendar delivers them: Promo is 0 on every day."""
    return rows.assign(Promo=0)


RECIPES = [
    Recipe(
        version=1,
        author="ada@example.com",
        algorithm="average of ridge and random forest on log sales",
        extract=f"{FOREST_ROWS:,} sampled rows",
        description="Baseline: ridge and a small random forest, averaged.",
        build=baseline,
        prepare=sample_rows,
    ),
    Recipe(
        version=2,
        author="ada@example.com",
        algorithm="weighted average of ridge and gradient boosting on log sales",
        extract="all rows",
        description="Gradient boosting takes the forest's place; trained on every row.",
        build=boosted,
        prepare=lambda rows: rows,
    ),
    Recipe(
        version=3,
        author="ben@example.com",
        algorithm="weighted average of ridge and gradient boosting on log sales",
        extract="all rows, Promo lost (0 on every day)",
        description="Version 2 retrained on an extract whose join with the promotion calendar had failed.",
        build=boosted,
        prepare=lose_promotions,
    ),
]


def split(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(training rows, hold-out sample): the hold-out comes from the last six weeks, which training never sees."""
    cut = rows["Date"].max() - pd.Timedelta(weeks=HOLDOUT_WEEKS)
    recent = rows[rows["Date"] > cut]
    return rows[rows["Date"] <= cut], recent.sample(min(HOLDOUT_ROWS, len(recent)), random_state=SEED).sort_index()


def to_tensor(rows: pd.DataFrame) -> np.ndarray:
    """The features of `rows` as float32 [N, F], columns in the order of FEATURES."""
    return rows[FEATURES].to_numpy(np.float32)


def fit(recipe: Recipe, training: pd.DataFrame) -> onnx.ModelProto:
    """One ONNX graph from `features` [N, F] to `sales` [N, 1]: the ensemble in log sales, then Exp."""
    rows = recipe.prepare(training)
    estimator = recipe.build().fit(to_tensor(rows), np.log(rows[TARGET].to_numpy()))
    model = convert_sklearn(
        estimator,
        name=f"{MODEL}-{recipe.version}",
        initial_types=[("features", FloatTensorType([None, len(FEATURES)]))],
        final_types=[("log_sales", FloatTensorType([None, 1]))],
        target_opset=OPSETS,
    )
    model.graph.node.append(helper.make_node("Exp", ["log_sales"], ["sales"]))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("sales", TensorProto.FLOAT, ["rows", 1]))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "rows"
    feature_names = json.dumps(FEATURES, separators=(",", ":"))
    helper.set_model_props(model, {"greenroom.features": feature_names, "greenroom.target": TARGET})
    # skl2onnx lists them in the order of a set, which differs from run to run.
    model.opset_import.sort(key=lambda opset: opset.domain)
    onnx.checker.check_model(model, full_check=True)
    return model


def measure(model: bytes, holdout: pd.DataFrame) -> dict[str, float]:
    """What the ONNX graph itself scores on the hold-out (not the estimator it was converted from)."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    predicted = session.run(["sales"], {"features": to_tensor(holdout)})[0].ravel().astype(np.float64)
    actual = holdout[TARGET].to_numpy(np.float64)
    error = predicted - actual
    return {
        "rmspe": round(float(np.sqrt(np.mean((error / actual) ** 2))), 6),
        "rmse": round(float(np.sqrt(np.mean(error**2))), 3),
        "mae": round(float(np.mean(np.abs(error))), 3),
    }


def digest(content: bytes) -> str:
    """`sha256:<hex>` of the content."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def write_version(recipe: Recipe, training: pd.DataFrame, holdout: pd.DataFrame, dataset: str, out: Path) -> dict:
    """Trains, saves and scores one version; returns its entry for `versions.json`."""
    content = fit(recipe, training).SerializeToString(deterministic=True)
    file = Path("models") / f"{MODEL}-{recipe.version}.onnx"
    (out / file).write_bytes(content)
    metrics = measure(content, holdout)
    print(f"{file}: {len(content):,} bytes, RMSPE {metrics['rmspe']:.4f}")
    return {
        "version": recipe.version,
        "file": str(file),
        "digest": digest(content),
        "run_id": hashlib.md5(f"{MODEL}/{recipe.version}".encode()).hexdigest(),
        "metrics": metrics,
        "description": recipe.description,
        "tags": {
            "algorithm": recipe.algorithm,
            "dataset": dataset,
            "training_extract": recipe.extract,
            "framework": f"scikit-learn {sklearn.__version__}",
        },
        "author": recipe.author,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kaggle", type=Path, metavar="DIR", help="folder with Kaggle's train.csv and store.csv")
    parser.add_argument("--out", type=Path, default=HERE, metavar="DIR", help="where to write (default: here)")
    args = parser.parse_args()
    if args.kaggle:
        dataset, (days, stores) = "rossmann-kaggle", read_kaggle(args.kaggle)
    else:
        dataset, (days, stores) = f"rossmann-generated-{SEED}", generate(SEED, GENERATED_STORES)
    training, holdout = split(build_rows(days, stores))

    (args.out / "models").mkdir(parents=True, exist_ok=True)
    holdout_csv = holdout[[*FEATURES, TARGET]].to_csv(index=False, lineterminator="\n").encode()
    (args.out / "holdout.csv").write_bytes(holdout_csv)
    versions = [write_version(recipe, training, holdout, dataset, args.out) for recipe in RECIPES]
    document = {
        "model": MODEL,
        "holdout": {"file": "holdout.csv", "digest": digest(holdout_csv), "rows": len(holdout), "target": TARGET},
        "versions": versions,
    }
    text = json.dumps(document, indent=2) + "\n"
    (args.out / "versions.json").write_text(text)


if __name__ == "__main__":
    main()
