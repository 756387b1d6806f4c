// SPDX-License-Identifier: Apache-2.0
#include "core/spec/table.h"

#include <algorithm>

#include "core/spec/spec.h"

namespace tutti::spec {

namespace {

const Type any{};
const Type text{.form = Form::text, .may_be_empty = false};
const Type expression{.form = Form::expression, .may_be_empty = false};
const Type name{.form = Form::name};
const Type variable_name{.form = Form::variable_name};
const Type boolean{.form = Form::boolean};
const Type duration{.form = Form::duration};
const Type timeout{.form = Form::duration, .min = 1};
const Type template_text{.form = Form::template_text, .may_be_empty = false};
const Type template_scalar{.form = Form::template_scalar};
const Type scalar_text{.form = Form::scalar_text};
const Type scalar_texts{.form = Form::list_of, .item = &scalar_text, .may_be_empty = false};
const Type any_list{.form = Form::list_of, .item = &any, .may_be_empty = false};
const Type names{.form = Form::one_or_list, .item = &name};
const Type tags{
    .form = Form::map_of, .item = &scalar_text, .key_form = Form::name, .key_noun = "tag"};
const Type with{.form = Form::map_of, .item = &any, .key_form = Form::text, .key_noun = "input"};
const Type env{.form = Form::map_of,
               .item = &template_scalar,
               .key_form = Form::variable_name,
               .key_noun = "variable"};
const Type addresses{
    .form = Form::map_of, .item = &template_text, .key_form = Form::name, .key_noun = "file"};

const Type threads{.form = Form::integer, .min = 1, .max = 64};
const Type attempts{.form = Form::integer, .min = 1, .max = 1000};
const Type backoff{.form = Form::number, .min = 1000, .max = 100'000};
const Type jitter{.form = Form::number, .min = 0, .max = 1000};

const Table retry_table{
    .noun = "retry",
    .doc =
        "How often a task is tried and how long it waits in between: `delay * backoff^(n-1)`, at "
        "most `max_delay`, moved by at most `jitter` of itself. Keys that are missing come from "
        "`defaults` of the workflow, then of the project, then from the table.",
    .keys =
        {
            {"attempts", &attempts, "All tries, the first one counted (1 to 1000).", Need::optional,
             "1"},
            {"delay", &duration, "The wait before the second try.", Need::optional, "10s"},
            {"backoff", &backoff, "The factor for each further wait (1 to 100).", Need::optional,
             "2"},
            {"max_delay", &duration, "The longest wait.", Need::optional, "30m"},
            {"jitter", &jitter, "The part of a wait that is left to chance (0 to 1).",
             Need::optional, "0"},
        },
    .hints = {{"max_attempts", "attempts"},
              {"retries", "attempts"},
              {"count", "attempts"},
              {"limit", "attempts"},
              {"interval", "delay"},
              {"wait", "delay"},
              {"factor", "backoff"},
              {"multiplier", "backoff"},
              {"max_interval", "max_delay"}},
    .example = "retry: {attempts: 4, delay: 5m, backoff: 2, max_delay: 30m, jitter: 0.2}",
};
const Type retry{.form = Form::object, .table = &retry_table};

const Table defaults_table{
    .noun = "defaults",
    .doc = "What every task has unless it says otherwise.",
    .keys =
        {
            {"retry", &retry, "See *retry*; merged key by key."},
            {"timeout", &timeout, "Of one attempt."},
            {"pool", &any, "", Need::later},
            {"queue", &any, "", Need::later},
            {"priority", &any, "", Need::later},
        },
    .hints = {{"retries", "retry"}},
    .example = "defaults: {retry: {attempts: 4, delay: 5m}, timeout: 30m}",
};
const Type defaults{.form = Form::object, .table = &defaults_table};

const Type param_type{.form = Form::choice,
                      .choices = {"string", "integer", "number", "boolean", "date", "datetime",
                                  "duration", "uri", "list", "map"}};
const Table param_table{
    .noun = "parameter",
    .doc = "A value the run is given, read as `params.NAME`. One without `default` must be given.",
    .keys =
        {
            {"type", &param_type, "What it may hold.", Need::optional, "string"},
            {"default", &any, "Used when the run gives none; a string may be a template."},
            {"description", &text, "For people who start the run."},
            {"choices", &any_list, "The only values allowed."},
        },
    .hints = {{"values", "choices"},
              {"enum", "choices"},
              {"options", "choices"},
              {"doc", "description"},
              {"value", "default"},
              {"required", "default"}},
    .example = "params: {region: {type: string, choices: [eu, us], default: eu}}",
};
const Type param{.form = Form::object, .table = &param_table};
const Type params{
    .form = Form::map_of, .item = &param, .key_form = Form::name, .key_noun = "parameter"};

const Table files_table{
    .noun = "files",
    .doc =
        "Objects that are brought to the task as local files before it starts, and local files "
        "that are published, verified, when it has succeeded. Templates of the task find each as "
        "`files.NAME`, its program as `$TUTTI_IN_NAME` and `$TUTTI_OUT_NAME` (upper case, `-` as "
        "`_`), a Python function with an argument `files` as `files['in'][NAME]` and "
        "`files['out'][NAME]`. Each is the path of a file; of a folder where the address ends "
        "with `/` or, in `in`, is a pattern.",
    .keys =
        {
            {"in", &addresses, "Name of the file for the task -> address it comes from."},
            {"out", &addresses, "Name of the file the task writes -> address it goes to."},
        },
    .hints = {{"input", "in"}, {"inputs", "in"}, {"output", "out"}, {"outputs", "out"}},
    .example =
        "files: {in: {raw: \"az://landing/{{ ds }}.json\"}, out: {clean: \"s3://clean/{{ ds "
        "}}.csv\"}}",
};
const Type files{.form = Form::object, .table = &files_table};

const Table runtime_table{
    .noun = "runtime",
    .doc = "What a `python` task runs on; built once and kept by content.",
    .keys =
        {
            {"python", &text, "Version of the interpreter, as a string: \"3.12\"."},
            {"requirements", &text, "File of the project with the packages to install."},
        },
    .hints = {{"version", "python"}, {"packages", "requirements"}},
    .example = "runtime: {python: \"3.12\", requirements: requirements.txt}",
};
const Type runtime{.form = Form::object, .table = &runtime_table};

const Type trigger_rule{
    .form = Form::choice,
    .choices = {"all_success", "all_failed", "all_done", "all_done_min_one_success", "all_skipped",
                "one_success", "one_failed", "one_done", "none_failed",
                "none_failed_min_one_success", "none_skipped", "always"}};

const Table task_table{
    .noun = "task",
    .doc = "One step. Its name is the key; names are `[a-z0-9_-]`, at most 63.",
    .keys =
        {
            {"uses", &text, "The action that does the work.", Need::required},
            {"with", &with, "What the action is given; see docs/actions.md for the keys of each."},
            {"needs", &names, "The tasks that must end before this one is looked at."},
            {"trigger_rule", &trigger_rule, "Which ends of the needed tasks let this one run.",
             Need::optional, "all_success"},
            {"when", &expression,
             "An expression without braces; when it is not true, the task is skipped."},
            {"retry", &retry, "See *retry*."},
            {"timeout", &timeout, "Of one attempt; an attempt that takes longer fails."},
            {"allow_failure", &boolean,
             "A failure counts as success for the tasks behind and for the run.", Need::optional,
             "false"},
            {"env", &env, "Environment variables of the task's process; secrets may go here."},
            {"files", &files, "See *files*."},
            {"runtime", &runtime, "See *runtime*."},
            {"tags", &tags, "As for the workflow; replace the workflow's for this task."},
            {"group", &name, "Tasks of one group are shown together."},
            {"foreach", &any, "", Need::later},
            {"max_parallel", &any, "", Need::later},
            {"deadline", &any, "", Need::later},
            {"on_late", &any, "", Need::later},
            {"on_success", &any, "", Need::later},
            {"on_failure", &any, "", Need::later},
            {"on_retry", &any, "", Need::later},
            {"pool", &any, "", Need::later},
            {"slots", &any, "", Need::later},
            {"queue", &any, "", Need::later},
            {"priority", &any, "", Need::later},
            {"depends_on_past", &any, "", Need::later},
            {"reads", &any, "", Need::later},
            {"writes", &any, "", Need::later},
            {"image", &any, "", Need::later},
            {"place", &any, "", Need::later},
            {"alternatives", &any, "", Need::later},
            {"teardown_of", &any, "", Need::later},
        },
    .hints = {{"if", "when"},
              {"condition", "when"},
              {"depends_on", "needs"},
              {"depends", "needs"},
              {"dependencies", "needs"},
              {"after", "needs"},
              {"upstream", "needs"},
              {"run", "uses: process with: {run: ...}"},
              {"command", "uses: process with: {run: ...}"},
              {"script", "uses: process with: {run: ...}"},
              {"type", "uses"},
              {"action", "uses"},
              {"operator", "uses"},
              {"steps", "needs"},
              {"args", "with"},
              {"inputs", "with"},
              {"parameters", "with"},
              {"retries", "retry: {attempts: ...}"},
              {"environment", "env"},
              {"continue_on_error", "allow_failure"},
              {"continue-on-error", "allow_failure"},
              {"name", "the key of the task"}},
    .example =
        "extract: {needs: wait, uses: copy, with: {from: \"az://in/{{ ds }}.json\", to: "
        "\"gs://raw/{{ ds }}.json\"}}",
};
const Type task{.form = Form::object, .table = &task_table};
const Type tasks{.form = Form::map_of,
                 .item = &task,
                 .key_form = Form::name,
                 .key_noun = "task",
                 .may_be_empty = false};

const Table workflow_keys{
    .noun = "workflow",
    .doc = "A file `workflows/*.yaml`: one workflow.",
    .keys =
        {
            {"workflow", &name, "Its name.", Need::required},
            {"description", &text, "What it is for."},
            {"tags", &tags,
             "Tag -> value; the keys are those of the project's `tag_keys`, any where it has "
             "none."},
            {"params", &params, "See *parameter*."},
            {"defaults", &defaults, "See *defaults*."},
            {"timeout", &timeout,
             "Of the whole run; then what still runs is ended and the run fails."},
            {"tasks", &tasks, "Name -> task, see *task*.", Need::required},
            {"triggers", &any, "", Need::later},
            {"max_active_runs", &any, "", Need::later},
            {"deadline", &any, "", Need::later},
            {"on_late", &any, "", Need::later},
            {"on_success", &any, "", Need::later},
            {"on_failure", &any, "", Need::later},
            {"on_retry", &any, "", Need::later},
            {"history", &any, "", Need::later},
            {"pool", &any, "", Need::later},
            {"queue", &any, "", Need::later},
            {"priority", &any, "", Need::later},
        },
    .hints = {{"name", "workflow"},
              {"id", "workflow"},
              {"dag_id", "workflow"},
              {"jobs", "tasks"},
              {"steps", "tasks"},
              {"stages", "tasks"},
              {"run", "tasks: {NAME: {uses: process, with: {run: ...}}}"},
              {"inputs", "params"},
              {"parameters", "params"},
              {"labels", "tags"},
              {"on", "triggers"},
              {"schedule", "triggers"},
              {"retry", "defaults: {retry: ...}"},
              {"default_args", "defaults"}},
    .example = "workflow: sales\ntasks:\n  hello: {uses: process, with: {run: echo hello}}",
};

const Table tag_key_table{
    .noun = "tag key",
    .doc = "A tag that workflows and tasks may carry. The set is closed: other tags are errors.",
    .keys =
        {
            {"required", &boolean, "Every workflow must have it.", Need::optional, "false"},
            {"values", &scalar_texts, "The only values allowed; without it, any."},
        },
    .hints = {{"choices", "values"}, {"enum", "values"}},
    .example = "tag_keys: {cost_center: {required: true}, residency: {values: [eu, us]}}",
};
const Type tag_key{.form = Form::object, .table = &tag_key_table};
const Type tag_keys{
    .form = Form::map_of, .item = &tag_key, .key_form = Form::name, .key_noun = "tag key"};

const Table secret_table{
    .noun = "secret",
    .doc =
        "Where a secret comes from; exactly one of the keys. Read as `secrets.NAME`, by workers "
        "only, just before a task starts.",
    .keys =
        {
            {"env", &variable_name, "Name of an environment variable."},
            {"file", &text, "A file that only its owner can read (mode 0600)."},
            {"vault", &any, "", Need::later},
            {"aws_secret", &any, "", Need::later},
            {"gcp_secret", &any, "", Need::later},
            {"azure_secret", &any, "", Need::later},
        },
    .hints = {{"variable", "env"}, {"path", "file"}, {"value", "env"}},
    .example = "secrets: {api_key: {env: SHOP_API_KEY}}",
};
const Type secret{.form = Form::object, .table = &secret_table};
const Type secrets{
    .form = Form::map_of, .item = &secret, .key_form = Form::name, .key_noun = "secret"};

const Type vars{.form = Form::map_of, .item = &any, .key_form = Form::name, .key_noun = "variable"};

const Table connection_keys{
    .noun = "connection",
    .doc =
        "An outside system. Its name is the scheme of addresses (`landing://key`) and what "
        "`connection:` of an action means. The other keys depend on the type.",
    .keys =
        {
            {"type", &text, "See *connection types*.", Need::required},
        },
    .hints = {},
    .example = "connections: {landing: {type: local, root: clouds/gs/landing}}",
};
const Type connection{.form = Form::connection, .table = &connection_keys};
const Type connections{.form = Form::map_of,
                       .item = &connection,
                       .key_form = Form::connection_name,
                       .key_noun = "connection"};

const Table profile_table{
    .noun = "profile",
    .doc =
        "A named set of connections. `local` is always there: a sandbox whose `s3`, `gs` and `az` "
        "are folders below `clouds/` and whose `warehouse` is DuckDB.",
    .keys =
        {
            {"sandbox", &boolean,
             "Only a sandbox may point s3, gs, az, file, http or https elsewhere.", Need::optional,
             "false (true for local)"},
            {"connections", &connections, "Name -> connection, see *connection*."},
        },
    .hints = {{"connection", "connections"}},
    .example =
        "profiles: {test: {sandbox: true, connections: {s3: {type: local, buckets: clouds/s3}}}}",
};
const Type profile{.form = Form::object, .table = &profile_table};
const Type profiles{
    .form = Form::map_of, .item = &profile, .key_form = Form::name, .key_noun = "profile"};

const Table project_keys{
    .noun = "project",
    .doc = "The file `tutti.yaml`: what all workflows of the folder share.",
    .keys =
        {
            {"project", &name, "Its name.", Need::required},
            {"description", &text, "What it is for."},
            {"tag_keys", &tag_keys, "See *tag key*."},
            {"secrets", &secrets, "See *secret*."},
            {"vars", &vars, "Values read as `vars.NAME`."},
            {"profiles", &profiles, "See *profile*."},
            {"defaults", &defaults, "See *defaults*."},
            {"assets", &any, "", Need::later},
            {"pools", &any, "", Need::later},
            {"policies", &any, "", Need::later},
            {"budgets", &any, "", Need::later},
        },
    .hints = {{"name", "project"},
              {"connections", "profiles: {NAME: {connections: ...}}"},
              {"variables", "vars"},
              {"tags", "tag_keys"},
              {"env", "vars"}},
    .example =
        "project: shop\nprofiles:\n  local:\n    connections: {landing: {type: local, root: "
        "clouds/gs/landing}}",
};

const Type week_day{.form = Form::choice,
                    .choices = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"}};
const Type week_days{.form = Form::list_of, .item = &week_day, .may_be_empty = false};

const Key type_key{"type", &text, "The type of the connection.", Need::required};

const Table limit_time_table{
    .noun = "limit time",
    .doc = "A time of the week with limits of its own, by the machine's clock.",
    .keys =
        {
            {"from", &text, "Time of the day, as text: \"08:00\".", Need::required},
            {"to", &text, "Likewise; before `from`: of the next day.", Need::required},
            {"days", &week_days, "Those it begins on.", Need::optional, "all"},
            {"bandwidth", &text, "As in *limits*."},
            {"requests", &text, "As in *limits*."},
        },
    .hints = {{"start", "from"}, {"end", "to"}, {"until", "to"}, {"day", "days"}},
    .example =
        "{from: \"08:00\", to: \"18:00\", days: [mon, tue, wed, thu, fri], bandwidth: 10MB/s}",
};
const Type limit_time{.form = Form::object, .table = &limit_time_table};
const Type limit_times{.form = Form::list_of, .item = &limit_time};
const Table limits_table{
    .noun = "limits",
    .doc = "How fast a connection may be used, by each process.",
    .keys =
        {
            {"bandwidth", &text, "Bytes a second, read and written together: 50MB/s."},
            {"requests", &text, "Requests a second: 200/s."},
            {"times", &limit_times, "See *limit time*; the first that fits counts."},
        },
    .hints = {{"bytes", "bandwidth"}, {"rate", "bandwidth"}, {"schedule", "times"}},
    .example = "limits: {bandwidth: 50MB/s, requests: 200/s}",
};
const Type limits{.form = Form::object, .table = &limits_table};
constexpr std::string_view limits_doc =
    "See *limits*; `tutti connections limit` changes them while something runs.";

const Type durability{.form = Form::choice, .choices = {"object", "batch", "none"}};
constexpr std::string_view durability_doc =
    "When what was written is synced to disk: each object, objects in groups, or when the system "
    "does it.";
const Table local_table{
    .noun = "local connection",
    .doc = "A folder that stands in for a store of objects. Exactly one of `root` and `buckets`.",
    .keys =
        {
            type_key,
            {"root", &text, "A folder that is one bucket: `NAME://key`."},
            {"buckets", &text, "A folder of buckets: `NAME://bucket/key`."},
            {"durability", &durability, durability_doc, Need::optional, "batch"},
            {"limits", &limits, limits_doc},
        },
    .hints = {{"path", "root"}, {"folder", "root"}, {"dir", "root"}, {"bucket", "buckets"}},
    .example = "landing: {type: local, root: clouds/gs/landing}",
};
const Table file_table{
    .noun = "file connection",
    .doc =
        "A folder of ordinary files, under their own names. `file` itself is there from the start, "
        "without a root: `file:///data/x` is a path of the machine, `file://data/x` one of the "
        "project's folder.",
    .keys =
        {
            type_key,
            {"root", &text, "The folder; an address cannot leave it.", Need::required},
            {"durability", &durability, durability_doc, Need::optional, "batch"},
            {"limits", &limits, limits_doc},
        },
    .hints = {{"path", "root"}, {"folder", "root"}, {"dir", "root"}},
    .example = "inbox: {type: file, root: /mnt/inbox}",
};
const Table duckdb_table{
    .noun = "duckdb connection",
    .doc = "A DuckDB database in a file.",
    .keys =
        {
            type_key,
            {"path", &text, "The database file.", Need::optional, "clouds/NAME.duckdb"},
            {"threads", &threads, "How many a statement may use (1 to 64).", Need::optional, "2"},
            {"memory", &scalar_text, "How much a statement may use, for example 2GiB."},
        },
    .hints = {{"database", "path"}, {"file", "path"}},
    .example = "warehouse: {type: duckdb, path: clouds/warehouse.duckdb}",
};

const Type secret_text{.form = Form::secret_text};
const Type secret_texts{
    .form = Form::map_of, .item = &secret_text, .key_form = Form::text, .key_noun = "header"};
const Table http_basic_table{
    .noun = "basic",
    .doc = "User and password, or a secret that holds `USER:PASSWORD`.",
    .keys =
        {
            {"user", &secret_text, "Text, or `{secret: NAME}`."},
            {"password", &secret_text, "Text, or `{secret: NAME}`."},
            {"secret", &name, "Name of a secret."},
        },
    .hints = {{"username", "user"}},
    .example = "basic: {user: tutti, password: {secret: shop_password}}",
};
const Type http_basic{.form = Form::object, .table = &http_basic_table};
const Table http_auth_table{
    .noun = "auth",
    .doc = "How requests are authenticated: one of the keys.",
    .keys =
        {
            {"bearer", &secret_text, "The token: text, or `{secret: NAME}`."},
            {"secret", &name, "The same, shorter: name of the secret that holds the token."},
            {"basic", &http_basic, "See *basic*."},
            {"header", &secret_texts, "Header -> text, or `{secret: NAME}`."},
        },
    .hints = {{"token", "bearer"}, {"user", "basic"}, {"username", "basic"}, {"password", "basic"}},
    .example = "auth: {bearer: {secret: api_key}}",
};
const Type http_auth{.form = Form::object, .table = &http_auth_table};
const Table http_table{
    .noun = "http connection",
    .doc = "A web service.",
    .keys =
        {
            type_key,
            {"url", &text, "What every `path` is added to.", Need::required},
            {"headers", &secret_texts, "Sent with every request: text, or `{secret: NAME}`."},
            {"auth", &http_auth, "See *auth*."},
        },
    .hints = {{"host", "url"}, {"base_url", "url"}, {"endpoint", "url"}},
    .example = "inventory: {type: http, url: \"https://inventory.example.com\"}",
};

// ---- stores in a cloud; their openers (src/cloud) read these settings

const Type secret_only{.form = Form::secret_only};
const Type request_attempts{.form = Form::integer, .min = 1, .max = 100};
const Key request_attempts_key{"attempts", &request_attempts,
                               "How often a request is tried (1 to 100).", Need::optional,
                               "6 (azure: 5)"};
const Key patience_key{"patience", &duration,
                       "How long a service may go on saying \"slow down\" before a request fails.",
                       Need::optional, "15m"};
const Type s3_checksum{.form = Form::choice, .choices = {"trailer", "header", "md5", "off"}};

const Table s3_auth_table{
    .noun = "s3 auth",
    .doc = "Whose credentials are used: `none`, or one of `secret`, `profile` and `role`.",
    .keys =
        {
            {"secret", &name, "Name of a secret whose value is `KEY_ID:SECRET_KEY[:TOKEN]`."},
            {"profile", &text, "A profile of the AWS files."},
            {"role", &text, "ARN of a role to take on with what is found."},
            {"external_id", &text, "What the role's trust policy wants to hear."},
        },
    .hints = {{"role_arn", "role"}, {"access_key", "secret"}, {"key", "secret"}},
    .example = "auth: {role: \"arn:aws:iam::123456789012:role/tutti\"}",
};
const Type s3_auth{.form = Form::word_or_object, .table = &s3_auth_table, .choices = {"none"}};
const Table s3_encryption_table{
    .noun = "s3 encryption",
    .doc = "How what is written is encrypted there: `sse-s3`, or one of `kms` and `customer_key`.",
    .keys =
        {
            {"kms", &text, "Id or ARN of a key of AWS KMS."},
            {"customer_key", &name, "Name of a secret: 32 bytes in base64."},
        },
    .hints = {{"key", "kms"}, {"kms_key_id", "kms"}},
    .example = "encryption: {kms: alias/archive}",
};
const Type s3_encryption{
    .form = Form::word_or_object, .table = &s3_encryption_table, .choices = {"sse-s3"}};
const Table s3_table{
    .noun = "s3 connection",
    .doc = "Amazon S3 or what speaks its API.",
    .keys =
        {
            type_key,
            {"region", &text, "Where the bucket is; a wrong one is corrected.", Need::optional,
             "`AWS_REGION`, us-east-1"},
            {"endpoint", &text, "URL of a compatible service: scheme, host, port."},
            {"root", &text, "`s3://BUCKET` or `s3://BUCKET/FOLDER`: keys are below it."},
            {"auth", &s3_auth, "`none`, or see *s3 auth*.", Need::optional, "AWS's usual chain"},
            {"path_style", &boolean, "The bucket stands in the path, not in front of the host.",
             Need::optional, "true with an `endpoint`"},
            {"checksum", &s3_checksum, "How the service checks the bytes.", Need::optional,
             "trailer"},
            {"sign_payload", &boolean, "The bytes are part of the signature.", Need::optional,
             "true without TLS"},
            {"requester_pays", &boolean, "Whoever reads pays.", Need::optional, "false"},
            {"expected_owner", &text, "The account that must own the bucket."},
            {"encryption", &s3_encryption, "`sse-s3`, or see *s3 encryption*.", Need::optional,
             "the bucket's"},
            request_attempts_key,
            patience_key,
            {"limits", &limits, limits_doc},
        },
    .hints = {{"url", "endpoint"},
              {"endpoint_url", "endpoint"},
              {"bucket", "root"},
              {"prefix", "root"},
              {"credentials", "auth"},
              {"region_name", "region"},
              {"retries", "attempts"}},
    .example = "archive: {type: s3, region: eu-west-1, root: \"s3://company-archive/2026\"}",
};

const Table gcs_auth_table{
    .noun = "gcs auth",
    .doc = "Whose credentials are used: `none`, or one of the keys.",
    .keys =
        {
            {"file", &text, "A file of credentials; a relative path counts from the project."},
            {"secret", &name, "Name of a secret that holds such a file."},
        },
    .hints = {{"path", "file"}, {"key_file", "file"}, {"keyfile", "file"}, {"credentials", "file"}},
    .example = "auth: {file: keys/reader.json}",
};
const Type gcs_auth{.form = Form::word_or_object, .table = &gcs_auth_table, .choices = {"none"}};
const Table gcs_table{
    .noun = "gcs connection",
    .doc = "Google Cloud Storage.",
    .keys =
        {
            type_key,
            {"root", &text, "`gs://BUCKET` or `gs://BUCKET/FOLDER/`: keys are below it."},
            {"auth", &gcs_auth, "`none`, or see *gcs auth*.", Need::optional,
             "Application Default Credentials"},
            {"endpoint", &text, "URL instead of Google's: an emulator."},
            {"project", &text, "Of the buckets that are made.", Need::optional,
             "the service account's"},
            {"user_project", &text, "The project that is billed where readers pay."},
            {"storage_class", &text, "Of what is written: STANDARD, NEARLINE, COLDLINE, ARCHIVE.",
             Need::optional, "the bucket's"},
            {"kms_key", &text,
             "Key of Cloud KMS that encrypts what is written: "
             "`projects/P/locations/L/keyRings/R/cryptoKeys/K`.",
             Need::optional, "the bucket's"},
            request_attempts_key,
            patience_key,
            {"limits", &limits, limits_doc},
        },
    .hints = {{"url", "endpoint"},
              {"bucket", "root"},
              {"prefix", "root"},
              {"credentials", "auth"},
              {"encryption", "kms_key"},
              {"project_id", "project"},
              {"class", "storage_class"},
              {"retries", "attempts"}},
    .example = "landing: {type: gcs, root: \"gs://acme-landing/raw/\"}",
};

const Table azure_table{
    .noun = "azure connection",
    .doc =
        "Azure Blob Storage. At most one of `access_key`, `sas`, `connection_string`, "
        "`client_secret` and `anonymous`.",
    .keys =
        {
            type_key,
            {"account", &text, "The storage account.", Need::optional, "`AZURE_STORAGE_ACCOUNT`"},
            {"endpoint", &text, "URL instead of `https://ACCOUNT.blob.core.windows.net`."},
            {"root", &text, "`az://CONTAINER` or `az://CONTAINER/FOLDER`: keys are below it."},
            {"tier", &text, "Of what is written: Hot, Cool, Cold, Archive.", Need::optional,
             "the account's"},
            {"access_key", &secret_only, "The account's key: `{secret: NAME}`."},
            {"sas", &secret_only, "A shared access signature: `{secret: NAME}`."},
            {"connection_string", &secret_only, "As Azure's portal shows it: `{secret: NAME}`."},
            {"tenant_id", &text, "The tenant of an application in Entra."},
            {"client_id", &text, "The application, or the managed identity."},
            {"client_secret", &secret_only, "The application's secret: `{secret: NAME}`."},
            {"anonymous", &boolean, "As nobody: public containers.", Need::optional, "false"},
            {"encryption_scope", &text, "Under which what is written is encrypted.", Need::optional,
             "the container's"},
            request_attempts_key,
            patience_key,
            {"limits", &limits, limits_doc},
        },
    .hints = {{"url", "endpoint"},
              {"container", "root"},
              {"account_name", "account"},
              {"storage_account", "account"},
              {"key", "access_key"},
              {"account_key", "access_key"},
              {"encryption", "encryption_scope"},
              {"sas_token", "sas"},
              {"retries", "attempts"}},
    .example = "az: {type: azure, account: shopdata, access_key: {secret: shopdata_key}}",
};

}  // namespace

const Key* Table::find(std::string_view key) const {
  const auto found = std::ranges::find(keys, key, &Key::name);
  return found == keys.end() ? nullptr : &*found;
}

const Table& project_table() { return project_keys; }

const Table& any_connection_table() { return connection_keys; }

const Table& workflow_table() { return workflow_keys; }

const Table* connection_table(std::string_view type) {
  constexpr std::pair<std::string_view, const Table*> tables[] = {
      {"local", &local_table}, {"file", &file_table}, {"duckdb", &duckdb_table},
      {"http", &http_table},   {"s3", &s3_table},     {"gcs", &gcs_table},
      {"azure", &azure_table}};
  for (const auto& [described, table] : tables) {
    if (described == type) {
      return table;
    }
  }
  return nullptr;
}

std::string_view form_text(Form form) {
  switch (form) {
    case Form::any:
      return "any value";
    case Form::text:
      return "text";
    case Form::template_text:
      return "text, templates allowed";
    case Form::expression:
      return "an expression without braces";
    case Form::name:
      return "a name: a-z, 0-9, _ and -, at most 63";
    case Form::connection_name:
      return "a name: a letter, then a-z, 0-9, _ and -, at most 63";
    case Form::variable_name:
      return "the name of an environment variable";
    case Form::boolean:
      return "true or false";
    case Form::integer:
      return "a whole number";
    case Form::number:
      return "a number";
    case Form::duration:
      return "a duration such as 30s, 5m or 1h30m";
    case Form::choice:
      return "one of a few words";
    case Form::scalar_text:
      return "text or a number";
    case Form::template_scalar:
      return "text (templates allowed) or a number";
    case Form::object:
    case Form::map_of:
    case Form::connection:
      return "a map: KEY: VALUE pairs";
    case Form::list_of:
      return "a list";
    case Form::one_or_list:
      return "a name, or a list";
    case Form::secret_text:
      return "text, or {secret: NAME}";
    case Form::secret_only:
      return "{secret: NAME}";
    case Form::word_or_object:
      return "a word or a map";
  }
  return "";
}

}  // namespace tutti::spec
