// SPDX-License-Identifier: Apache-2.0
#include "core/spec/connection_types.h"

#include <algorithm>

namespace tutti::spec {

namespace {

const std::vector<ConnectionType> types = {
    {"local", "a folder that stands in for a store of objects", true, ConnectionUse::objects},
    {"file", "a folder of ordinary files", true, ConnectionUse::objects},
    {"duckdb", "a DuckDB database in a file", true, ConnectionUse::tables},
    {"http", "a web service", true, ConnectionUse::requests},
    {"s3", "Amazon S3 and compatible stores", true, ConnectionUse::objects, true},
    {"gcs", "Google Cloud Storage", true, ConnectionUse::objects, true},
    {"azure", "Azure Blob Storage", true, ConnectionUse::objects, true},
    {"sftp", "a folder on an SSH server", false, ConnectionUse::objects},
    {"snowflake", "Snowflake", false, ConnectionUse::tables},
    {"bigquery", "Google BigQuery", false, ConnectionUse::tables},
    {"redshift", "Amazon Redshift", false, ConnectionUse::tables},
    {"athena", "Amazon Athena", false, ConnectionUse::tables},
    {"synapse", "Azure Synapse", false, ConnectionUse::tables},
    {"postgres", "PostgreSQL", false, ConnectionUse::tables},
    {"mysql", "MySQL and MariaDB", false, ConnectionUse::tables},
    {"sqlserver", "SQL Server and Azure SQL", false, ConnectionUse::tables},
    {"odbc", "any database with an ODBC driver", false, ConnectionUse::tables},
    {"cosmos", "Azure Cosmos DB", false, ConnectionUse::any},
    {"databricks", "Databricks", false, ConnectionUse::any},
    {"dataproc", "Google Dataproc", false, ConnectionUse::other},
    {"emr", "Amazon EMR", false, ConnectionUse::other},
    {"emr_serverless", "Amazon EMR Serverless", false, ConnectionUse::other},
    {"glue", "AWS Glue", false, ConnectionUse::other},
    {"spark", "a Spark cluster of one's own", false, ConnectionUse::other},
    {"docker", "containers on a Docker host", false, ConnectionUse::other},
    {"kubernetes", "pods of a Kubernetes cluster", false, ConnectionUse::other},
    {"kafka", "Apache Kafka", false, ConnectionUse::other},
    {"kinesis", "Amazon Kinesis", false, ConnectionUse::other},
    {"sqs", "Amazon SQS", false, ConnectionUse::other},
    {"pubsub", "Google Pub/Sub", false, ConnectionUse::other},
    {"eventhubs", "Azure Event Hubs", false, ConnectionUse::other},
    {"slack", "Slack", false, ConnectionUse::other},
    {"email", "mail by SMTP", false, ConnectionUse::other},
    {"vault", "HashiCorp Vault", false, ConnectionUse::other},
};

}  // namespace

std::string_view lacks_text(ConnectionUse use) {
  switch (use) {
    case ConnectionUse::objects:
      return "holds no objects";
    case ConnectionUse::tables:
      return "has no tables";
    case ConnectionUse::requests:
      return "takes no HTTP requests";
    case ConnectionUse::other:
    case ConnectionUse::any:
      break;
  }
  return "cannot be used here";
}

const std::vector<ConnectionType>& connection_types() { return types; }

const ConnectionType* find_connection_type(std::string_view type) {
  const auto found = std::ranges::find(types, type, &ConnectionType::name);
  return found == types.end() ? nullptr : &*found;
}

}  // namespace tutti::spec
