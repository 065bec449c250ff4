"""Takes a model version towards Production.

Without options the newest version in None is validated, and the script ends when it is in Staging or cannot go there.
MLFLOW_REGISTRY_URI says where Greenroom is, MLFLOW_TRACKING_TOKEN who calls.

Exit codes: 0 it is in the stage, 1 it cannot go there, 2 called wrongly, 3 people must approve first.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from models.model_registry import get_model_info, get_model_version, promote_model


def validate(name: str, version: str, timeout: float) -> str:
    """Asks for Staging, waits for the checks that decide on it, and tells how they ended."""
    refusal = ""
    if get_model_info(name, version)["current_stage"] == "None":
        try:
            promote_model(name, version, "Staging", archive_existing=False)
        except MlflowException as error:
            refusal = plain(error)
    deadline = time.monotonic() + timeout
    while (seen := look(name, version))["state"] == "validating":
        if time.monotonic() > deadline:
            raise MlflowException(f"{name} version {version} is still being validated after {timeout:g} seconds.")
        time.sleep(0.5)
    if seen["stage"] != "None":
        return f"{name} version {version} is in {seen['stage']}."
    checks = [f"{check['check']}: {check['summary']}" for check in seen["checks"] if check["verdict"] != "passed"]
    raise MlflowException("\n  ".join([f"{name} version {version} stays in None.", *(checks or [refusal])]))


def look(name: str, version: str) -> Any:
    """A version with its checks, for which MLflow's client has no call."""
    creds = get_default_host_creds(mlflow.get_registry_uri())
    answer = http_request(creds, f"/api/v1/models/{name}/versions/{version}", "GET")
    if answer.status_code != 200:
        raise MlflowException(f"Greenroom answered {answer.status_code}: {answer.text[:500]}")
    return answer.json()


def run(args: argparse.Namespace) -> str:
    """Does what the command line asks, and tells how it ended. Raises MlflowException where it did not go well."""
    # Greenroom validates by itself, so that what came last may be in Staging already.
    origins = ["Staging"] if args.promote_to_production else ["None", "Staging"]
    found = (get_model_version(args.model, origin) for origin in origins)
    version = args.version or next(filter(None, found), None)
    if version is None:
        raise MlflowException(f"{args.model} has no version in {' or '.join(origins)}.")
    if not args.promote_to_production:
        return validate(args.model, version, args.timeout)
    moved = promote_model(args.model, version, "Production", archive_existing=True)
    return f"{args.model} version {version} is in {moved.current_stage}."


def plain(error: MlflowException) -> str:
    """What an error says to people."""
    return error.message.removeprefix(f"{error.error_code}: ")


def main() -> int:
    """Reads the command line; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="rossmann-ensemble", help="default: %(default)s")
    parser.add_argument("--version", help="default: the newest in None, or in Staging where it is to be promoted")
    parser.add_argument("--promote-to-production", action="store_true", help="from Staging to Production")
    parser.add_argument("--timeout", type=float, default=600, help="seconds to wait for checks; default: %(default)s")
    args = parser.parse_args()
    if not mlflow.get_registry_uri().startswith(("http://", "https://")):
        parser.error("set MLFLOW_REGISTRY_URI to Greenroom's address, such as http://127.0.0.1:4100")
    try:
        print(run(args))
        return 0
    except MlflowException as error:
        print(plain(error), file=sys.stderr)
        return 3 if error.error_code == "PERMISSION_DENIED" else 1


if __name__ == "__main__":
    sys.exit(main())
