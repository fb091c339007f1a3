"""The `schedule:` section, and what reaching a Kubeflow Pipelines server needs."""

import math
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from settings.cron import check, check_time_zone
from settings.section import Form, Section

Parameter = str | int | float
Variable = Annotated[str, AfterValidator(Form(r"^[A-Za-z_]\w*$", "an environment variable's name"))]
Path = Annotated[str, Field(min_length=1)]


class Schedule(Section):
    """When the pipeline runs by itself: on Kubeflow (`schedule apply`) or on this machine."""

    cron: str = Field(description="five fields, as in '0 3 * * 1-5' for 03:00 on workdays")
    time_zone: str = Field(
        "UTC", description="IANA name; on Kubeflow the controller's own counts, which is told"
    )
    enabled: bool = Field(True, description="whether it fires")
    max_concurrency: Annotated[int, Field(ge=1, le=10)] = Field(
        1, description="runs at a time on Kubeflow; on one machine always 1"
    )
    catch_up: bool = Field(
        False, description="run every missed firing on Kubeflow; on one machine they become one"
    )
    parameters: dict[str, Parameter] = Field(
        {}, description="of each scheduled run: a name of kubeflow.parameters and its value"
    )
    retries: Annotated[int, Field(ge=0, le=100)] = Field(
        3, description="on one machine: further attempts of a run that failed"
    )
    retry_after_seconds: Annotated[float, Field(ge=0, le=86_400)] = Field(
        60.0, description="before the first further attempt; doubled for each one after"
    )

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, cron):
        check(cron)
        return " ".join(cron.split())

    @field_validator("parameters")
    @classmethod
    def _fit_into_json(cls, parameters):
        for name, value in parameters.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{name} is {value}; allowed: text and finite numbers")
        return parameters

    @field_validator("time_zone")
    @classmethod
    def _exists(cls, time_zone):
        check_time_zone(time_zone)
        return time_zone


class KubeflowEndpoint(Section):
    """Where the server is and how to be let in. What is secret is never in the file."""

    endpoint: (
        Annotated[
            str,
            AfterValidator(Form(r"^https?://[^\s@]+$", "an http or https URL without a password")),
        ]
        | None
    ) = Field(
        None,
        description="URL of the API, without a password; none: KF_PIPELINES_ENDPOINT, else the "
        "cluster that this runs in",
    )
    ui_endpoint: (
        Annotated[
            str,
            AfterValidator(Form(r"^https?://[^\s@]+$", "an http or https URL without a password")),
        ]
        | None
    ) = Field(None, description="URL for links; none: KF_PIPELINES_UI_ENDPOINT, else endpoint")
    namespace: (
        Annotated[
            str,
            AfterValidator(
                Form(
                    r"^[a-z0-9][a-z0-9-]{0,62}$",
                    "a Kubernetes name: lower-case letters, digits and hyphens",
                )
            ),
        ]
        | None
    ) = Field(
        None, description="of a Kubeflow with several users; none: KFP_NAMESPACE, else the pod's"
    )
    experiment: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        None, description="that runs are listed under; none: the pipeline's name"
    )
    token_variable: Variable = Field(
        "KFP_EXISTING_TOKEN", description="the environment variable that holds a token"
    )
    token_file: Path | None = Field(
        None,
        description="a file that holds a token, read for every call; none: "
        "KF_PIPELINES_SA_TOKEN_PATH, if that is set",
    )
    ca_file: Path | None = Field(None, description="certificates that the server's is checked by")
    service_account: (
        Annotated[
            str,
            AfterValidator(
                Form(
                    r"^[a-z0-9][a-z0-9.-]{0,252}$",
                    "a Kubernetes name: lower-case letters, digits, hyphens and dots",
                )
            ),
        ]
        | None
    ) = Field(None, description="that the run's pods have; none: the cluster's default")
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = Field(
        60.0, description="that a call to the server may take"
    )
