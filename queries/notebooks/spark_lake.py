"""The lake in Apache Spark: spark-submit --packages io.delta:delta-spark_2.13:4.0.0 spark_lake.py LAKE

Written after their documentation; never run on a real Spark.
LAKE is a folder or, where the lake is in object storage, its URL (s3a://..., gs://..., abfss://...).
"""

import sys

from pyspark.sql import SparkSession

spark = (
    SparkSession.builder.appName("interdict")
    .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
    .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
    .getOrCreate()
)
spark.read.format("delta").load(f"{sys.argv[1]}/events").createOrReplaceTempView("events")
spark.sql(
    """
    select root, target, protocol, count(*) as events, count_if(decision = 'deny') as denied
    from events group by root, target, protocol order by events desc limit 20
    """
).show(truncate=False)
