// SPDX-License-Identifier: Apache-2.0
#include "core/spec/connection_types.h"

#include <algorithm>

namespace tutti::spec {

namespace {

const std::vector<ConnectionType> types = {
    {"local", "a folder that stands in for a store of objects", true, true},
    {"file", "a folder of ordinary files", true, true},
    {"duckdb", "a DuckDB database in a file", true, false},
    {"http", "a web service", true, false},
    {"s3", "Amazon S3 and compatible stores", false, true},
    {"gcs", "Google Cloud Storage", false, true},
    {"azure", "Azure Blob Storage", false, true},
    {"sftp", "a folder on an SSH server", false, true},
    {"snowflake", "Snowflake", false, false},
    {"bigquery", "Google BigQuery", false, false},
    {"redshift", "Amazon Redshift", false, false},
    {"athena", "Amazon Athena", false, false},
    {"synapse", "Azure Synapse", false, false},
    {"postgres", "PostgreSQL", false, false},
    {"mysql", "MySQL and MariaDB", false, false},
    {"sqlserver", "SQL Server and Azure SQL", false, false},
    {"odbc", "any database with an ODBC driver", false, false},
    {"cosmos", "Azure Cosmos DB", false, false},
    {"databricks", "Databricks", false, false},
    {"dataproc", "Google Dataproc", false, false},
    {"emr", "Amazon EMR", false, false},
    {"emr_serverless", "Amazon EMR Serverless", false, false},
    {"glue", "AWS Glue", false, false},
    {"spark", "a Spark cluster of one's own", false, false},
    {"docker", "containers on a Docker host", false, false},
    {"kubernetes", "pods of a Kubernetes cluster", false, false},
    {"kafka", "Apache Kafka", false, false},
    {"kinesis", "Amazon Kinesis", false, false},
    {"sqs", "Amazon SQS", false, false},
    {"pubsub", "Google Pub/Sub", false, false},
    {"eventhubs", "Azure Event Hubs", false, false},
    {"slack", "Slack", false, false},
    {"email", "mail by SMTP", false, false},
    {"vault", "HashiCorp Vault", false, false},
};

}  // namespace

const std::vector<ConnectionType>& connection_types() { return types; }

const ConnectionType* find_connection_type(std::string_view type) {
  const auto found = std::ranges::find(types, type, &ConnectionType::name);
  return found == types.end() ? nullptr : &*found;
}

}  // namespace tutti::spec
