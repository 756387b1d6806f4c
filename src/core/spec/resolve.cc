// SPDX-License-Identifier: Apache-2.0
#include "core/spec/resolve.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/closest.h"

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

std::string joined(std::string_view folder, std::string_view path) {
  if (path.starts_with('/')) {
    return std::string(path);
  }
  while (path.starts_with("./")) {
    path.remove_prefix(2);
  }
  while (path.size() > 1 && path.ends_with('/')) {
    path.remove_suffix(1);
  }
  return path.empty() || path == "." ? std::string(folder) : fmt::format("{}/{}", folder, path);
}

ObjectRef local_object(const Connection& connection, const Address& address,
                       std::string_view project_dir) {
  const std::string_view root = connection.settings.get_string("root");
  if (!root.empty()) {
    return {.provider = "local",
            .endpoint = {},
            .account = joined(project_dir, root),
            .bucket = {},
            .key = address.rest};
  }
  BucketKey split = split_bucket(address.rest);
  return {.provider = "local",
          .endpoint = {},
          .account = joined(project_dir, connection.settings.get_string("buckets")),
          .bucket = std::move(split.bucket),
          .key = std::move(split.key)};
}

ObjectRef file_object(const Connection& connection, const Address& address,
                      std::string_view project_dir) {
  const std::string_view root = connection.settings.get_string("root");
  std::string_view key = address.rest;
  while (key.starts_with('/')) {  // file:///data/x: the key is below the root
    key.remove_prefix(1);
  }
  return {.provider = "file",
          .endpoint = {},
          .account = joined(project_dir, root),
          .bucket = {},
          .key = std::string(key)};
}

}  // namespace

const std::vector<ConnectionType>& connection_types() { return types; }

const ConnectionType* find_connection_type(std::string_view type) {
  const auto found = std::ranges::find(types, type, &ConnectionType::name);
  return found == types.end() ? nullptr : &*found;
}

Result<Connection> resolve_connection(const Project& project, std::string_view profile_name,
                                      std::string_view name) {
  const Profile* profile = project.find_profile(profile_name);
  if (profile == nullptr) {
    std::vector<std::string> known;
    for (const Profile& row : project.profiles) {
      known.push_back(row.name);
    }
    const std::string guess = did_you_mean(profile_name, known);
    return fail(Code::not_found, fmt::format("there is no profile '{}'", profile_name),
                guess.empty() ? "add it under 'profiles' of tutti.yaml" : guess);
  }
  const Connection* connection = profile->find(name);
  if (connection == nullptr) {
    std::vector<std::string> known;
    for (const Connection& row : profile->connections) {
      known.push_back(row.name);
    }
    const std::string guess = did_you_mean(name, known);
    return fail(Code::not_found,
                fmt::format("the profile '{}' has no connection '{}'", profile_name, name),
                guess.empty() ? "add it under 'connections' of this profile in tutti.yaml" : guess);
  }
  const ConnectionType* type = find_connection_type(connection->type);
  if (type == nullptr || !type->usable) {
    return fail(
        {.code = Code::unsupported,
         .what = fmt::format("the connection '{}' of profile '{}' is of type {}, which comes in a "
                             "later version",
                             name, profile_name, connection->type),
         .where = to_text(project.file, connection->mark),
         .remedy =
             "use a profile where it is of type local, file, duckdb or http (--profile local)"});
  }
  return *connection;
}

Result<Resolved> resolve(const Project& project, std::string_view profile,
                         std::string_view address_text) {
  TRY(Address address, parse_address(address_text));
  TRY(Connection connection, resolve_connection(project, profile, address.connection));
  return Resolved{.connection = std::move(connection), .address = std::move(address)};
}

Result<ObjectRef> resolve_object(const Project& project, std::string_view profile,
                                 std::string_view address_text, std::string_view project_dir) {
  TRY(Resolved resolved, resolve(project, profile, address_text));
  if (resolved.connection.type == "local") {
    return local_object(resolved.connection, resolved.address, project_dir);
  }
  if (resolved.connection.type == "file") {
    return file_object(resolved.connection, resolved.address, project_dir);
  }
  return fail(Code::bad_input,
              fmt::format("'{}' is a connection of type {}, which has no objects",
                          resolved.connection.name, resolved.connection.type),
              "give an address of a store, for example s3://bucket/key");
}

}  // namespace tutti::spec
