"""The lake in Polars: python polars_lake.py LAKE

pip install polars deltalake
Scans are lazy: what is filtered by `date` is not read.
"""

import sys

import polars as pl


def busiest(lake: str) -> pl.DataFrame:
    """Who did how much where, and how much of it was denied."""
    return (
        pl.scan_delta(f"{lake}/events")
        .group_by("root", "target", "protocol")
        .agg(events=pl.len(), denied=(pl.col("decision") == "deny").sum())
        .sort("events", "root", "target", descending=[True, False, False])
        .collect()
    )


if __name__ == "__main__":
    print(busiest(sys.argv[1]).write_csv(separator="\t"), end="")
