"""Trains a linear model on a table and saves it as MLflow does, beside what it predicts for the table.

Usage: python save_model.py table.csv target folder [--without-signature]
"""

import json
import sys
from pathlib import Path

import mlflow.sklearn
import pandas
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression

table = pandas.read_csv(sys.argv[1])
target, folder = sys.argv[2], Path(sys.argv[3])
features = table.drop(columns=[target])
model = LinearRegression().fit(features, table[target])
predicted = model.predict(features)
signature = None if "--without-signature" in sys.argv else infer_signature(features, predicted)
mlflow.sklearn.save_model(model, folder, signature=signature)
print(json.dumps([float(value) for value in predicted]))
