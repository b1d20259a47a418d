"""List prices of us-east-1 in November 2026, in dollars, and what an assumed second stands for.

Measured CPU time does not tell what Lambda bills: its processors are others, and a function waits
for DynamoDB while it is billed. So the price list computes with these figures, which are stated in
README ("What it costs"):

- CPU time is counted in units of stock boto3's `put_item` of 4 KB, and that of a start in units of
  the start of boto3. Both take `REFERENCE_S` and `REFERENCE_INIT_S` on the machine of the bench's
  first release. Lambda is assumed to need `CPU_FACTOR` times as long.
- A function with less than `MB_A_PROCESSOR` has a share of a processor. It starts with a whole one.
- Each call to AWS takes `CALL_S` more, as if no two were made at the same time.
"""

WRITE_UNIT = 0.625e-6
READ_UNIT = 0.125e-6
STORED_GB = 0.25  # a month
INVOCATION = 0.20e-6
GB_SECOND = {"arm64": 13.3334e-6, "x86_64": 16.6667e-6}
API_REQUEST = 3.50e-6
QUEUE_REQUEST = 0.40e-6
# EventBridge Scheduler, for each time that a schedule does its work.
SCHEDULED = 1.00e-6
LOGGED_GB = 0.50
# S3: requests, and a month.
FILE_PUT = 5.0e-6
FILE_GET = 0.40e-6
FILE_GB = 0.023
# CloudWatch Logs adds this to the size of each line.
LOG_LINE_BYTES = 26
# DynamoDB adds this to the size of each stored item, and of each of its entries in an index.
STORED_ITEM_BYTES = 100
# Lambda reads a table's stream for its triggers free of charge.
STREAM_READ = 0.0
SECONDS_A_MONTH = 30 * 86_400
# Lambda polls a queue with five connections, each for 20 seconds.
POLLS_A_MONTH = 5 * SECONDS_A_MONTH // 20

REFERENCE_S = 0.72e-3
REFERENCE_INIT_S = 0.223
# The interpreter and Lambda's own code, before a function's.
RUNTIME_INIT_S = 0.1
CPU_FACTOR = 2.0
MB_A_PROCESSOR = 1769
CALL_S = 0.005
