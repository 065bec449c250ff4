"""A training as any team writes it, with nothing of Greenroom in it: python train.py <name> <strength> <file>

Trains on the diabetes data set that scikit-learn ships, logs and registers the model, and writes what the model
predicts for the first rows.
"""

import sys

import mlflow
import numpy as np
from mlflow.data.numpy_dataset import from_numpy
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

name, strength, file = sys.argv[1], float(sys.argv[2]), sys.argv[3]
features, target = load_diabetes(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(features, target, random_state=0)
with mlflow.start_run():
    model = Ridge(alpha=strength).fit(X_train, y_train)
    mlflow.log_input(from_numpy(X_train, targets=y_train, name="diabetes"), context="training")
    mlflow.log_metric("r2", r2_score(y_test, model.predict(X_test)))
    mlflow.sklearn.log_model(model, name="model", registered_model_name=name, pip_requirements=["scikit-learn"])
np.save(file, model.predict(features[:10]))
