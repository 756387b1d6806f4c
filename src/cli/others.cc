// SPDX-License-Identifier: Apache-2.0
#include "cli/others.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace tutti::cli {
namespace {

struct Answer {
  std::string_view options;   // with a space between
  std::string_view commands;  // likewise; empty: all that work on objects
  std::string_view says;      // what to do; without a full stop
};

constexpr std::string_view moves = "cp mv sync";
constexpr std::string_view data = "cp mv sync ls du cat rm verify presign mb rb";

// The first that fits counts.
constexpr Answer answers[] = {
    {"--endpoint-url --endpoint --s3-endpoint", "",
     "the endpoint stands in the connection: {type: s3, endpoint: URL} in tutti.yaml"},
    {"--no-sign-request", "", "write auth: none (Azure: anonymous: true) in the connection"},
    {"--region --source-region --destination-region --s3-region", "",
     "a bucket's region is found by itself; the connection's region is where new ones are made"},
    {"--credentials-file --account-key --account-name --sas-token --config --aws-profile", "",
     "credentials stand in the connection, or are found as the cloud's own tools find them; `tutti "
     "connections test NAME` says which"},
    {"--no-verify-ssl --no-check-certificate --ca-bundle --ca-cert", "",
     "certificates are always checked; SSL_CERT_FILE names a file of authorities"},
    {"--request-payer --s3-requester-pays", "",
     "write requester_pays: true in the connection (Google: user_project)"},
    {"--user-project --billing-project", "", "write user_project in the connection"},
    {"--json", "", "-o json"},
    {"--log --log-level --log-file --debug -vv", "",
     "-v says more, -q less; --manifest has it all"},
    {"--only-show-errors --no-progress", "",
     "-q; where output is no terminal no progress is shown"},
    {"--progress -P --show-progress --stats --page-size --fast-list", "",
     "leave it out: progress is shown on a terminal, and listings are streamed"},
    {"--retry-count --retries --low-level-retries --cli-read-timeout --cli-connect-timeout", "",
     "leave it out: requests are tried again; `attempts` of an s3 connection says how often"},

    {"--concurrency -c --part-size -p --numworkers --transfers --checkers --multi-thread-streams "
     "--s3-upload-concurrency --s3-chunk-size --max-concurrent-requests --block-size-mb "
     "--process-count --thread-count --max-connections",
     moves,
     "leave it out: parts are chosen for each object; up to 64 objects and 8 parts travel at once"},
    {"--bwlimit --cap-mbps --max-bandwidth", moves, "--bandwidth 10MB/s"},
    {"--tpslimit", moves, "`limits` of the connection has requests a second"},
    {"-n --no-clobber --ignore-existing --skip-existing", "cp mv",
     "--if-exists skip leaves what is there; with --if-exists fail it counts as failed"},
    {"--immutable", "cp mv", "--if-exists fail"},
    {"--overwrite --force -f", "cp mv",
     "--if-exists replace, which is the default; or skip, fail, verify"},
    {"-u --update --if-source-newer -s --if-size-differ --size-only --checksum --check-sum",
     "cp mv",
     "`tutti sync` sends what is newer or of another size; --size-only, --checksum compare that"},
    {"--exact-timestamps --update -u", "sync",
     "leave it out: what differs in size or is newer is copied; --checksum compares bytes"},
    {"--delete-after --delete-before --delete-during --delete-destination "
     "--delete-unmatched-destination-objects",
     "sync", "--delete, which removes last of all, and never more than --max-delete"},
    {"--backup-dir --suffix", "sync", "--backup PREFIX"},
    {"--min-size", "cp mv sync rm du", "--larger 10MB"},
    {"--max-size", "cp mv sync rm du", "--smaller 10MB"},
    {"--min-age --include-before", "cp mv sync rm du", "--older-than 7d"},
    {"--max-age --include-after", "cp mv sync rm du", "--newer-than 36h"},
    {"--files-from --include-from --list-of-files --read-paths-from-stdin", "cp mv sync rm du",
     "--names-from FILE, a name a line as it is below the prefix"},
    {"--filter --filter-from --include-pattern --exclude-pattern --exclude-from",
     "cp mv sync rm du",
     "--include and --exclude, each as often as needed; patterns: docs/transfers.md"},
    {"--acl --grants --grant --canned-acl --s3-acl --preserve-acl", moves,
     "lists of who may do what do not travel: they belong to the bucket's policy"},
    {"--sse --sse-kms-key-id --sse-c --sse-c-key --sse-c-copy-source --s3-server-side-encryption "
     "--s3-sse-kms-key-id --encryption-key --kms-key",
     moves,
     "write it in the connection: s3 encryption (sse-s3, {kms: KEY}, {customer_key: SECRET}), gcs "
     "kms_key, azure encryption_scope"},
    {"--content-type --content-encoding --content-disposition --content-language --cache-control "
     "--expires --metadata --metadata-directive --no-guess-mime-type --custom-metadata --header "
     "--header-upload",
     moves, "what the source's object says of itself travels along; it is not changed on the way"},
    {"--copy-props --tagging --tagging-directive --blob-tags", moves,
     "content headers and metadata always travel, tags with --tags"},
    {"--follow-symlinks --no-follow-symlinks --copy-links -L --links -l --ignore-symlinks", moves,
     "links are not followed and not copied"},
    {"--flatten", "cp mv", "--rename 's|.*/||' takes the folders off names"},
    {"--flatten", "sync", "names keep their folders below the destination"},
    {"--name-transform --transform --xform", "cp mv", "--rename s/PATTERN/REPLACEMENT/"},
    {"--rename --name-transform", "sync", "only `tutti cp` and `tutti mv` rename"},
    {"--checksum-algorithm --checksum-mode --put-md5 --check-md5 --hash", moves,
     "a CRC32C is computed and checked of every object; --verify full reads back; --sha256 adds "
     "one"},
    {"--track-renames --from-to --expected-size --ignore-glacier-warnings --force-glacier-transfer "
     "--raw --sp --no-traverse",
     moves, "leave it out: it is not needed here"},
    {"--gzip-local --gzip-local-all --gzip-in-flight -z -Z", moves,
     "--compress gzip, with `tutti cp`"},
    {"--compress --decompress --encrypt --decrypt --key-file --key-secret --keep-names", "mv sync",
     "only `tutti cp` changes bytes on their way"},
    {"--version-id", "sync", "`tutti cp --version-id` copies one version"},

    {"--human-readable --humanize -H --readable --summarize -s --summary --total --max-depth "
     "--exclude-standard --group -e --etag -l --long",
     "ls du", "sizes are for people, or bytes with -o json; `tutti du` has sums"},
    {"--force -f", "rm", "-y, or --yes, does not ask"},
    {"--bypass-governance-retention", "rm",
     "end the retention first, with `tutti lock`, then remove"},
    {"--force -f", "rb",
     "`tutti rm --yes CONNECTION://BUCKET/` first: only an empty bucket is removed"},
    {"--versioning --object-lock-enabled --object-lock-enabled-for-bucket --retention-period "
     "--default-storage-class --storage-class --location",
     "mb",
     "make the bucket, then set this at the service: Tutti does not change settings of buckets"},
    {"--expires-in --expire --duration", "presign", "--expires 1h, at most 7d"},
};

struct Name {
  std::string_view theirs;  // with a space between
  std::string_view here;
};

constexpr Name command_names[] = {
    {"copy copyto upload download put get fetch push pull transfer", "`tutti cp`"},
    {"move moveto rename", "`tutti mv`"},
    {"rsync mirror", "`tutti sync`"},
    {"delete del remove deletefile purge erase", "`tutti rm`"},
    {"list lsf lsl lsd lsjson dir tree stat head info", "`tutti ls`"},
    {"size count", "`tutti du`"},
    {"mkdir make make-bucket create-bucket", "`tutti mb`"},
    {"rmdir rmdirs remove-bucket delete-bucket", "`tutti rb`"},
    {"check cmp compare diff", "`tutti sync --dry-run --checksum -v`"},
    {"cleanup abort-multipart-upload", "`tutti rm --uploads`"},
    {"rcat pipe", "`tutti cp FILE ADDRESS`: standard input is not copied"},
    {"sign-url signurl signed-url link share", "`tutti presign`"},
    {"aws s3 s3api s5cmd gs gsutil gcloud storage az azcopy blob rclone",
     "`tutti cp FROM TO`: leave that word out"},
};

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    words.push_back(text.substr(0, text.find(' ')));
    text.remove_prefix(std::min(words.back().size() + 1, text.size()));
  }
  return words;
}

bool lists(std::string_view text, std::string_view word) {
  const std::vector<std::string_view> words = words_of(text);
  return std::ranges::find(words, word) != words.end();
}

}  // namespace

std::string_view instead_of(std::string_view command, std::string_view option) {
  const auto* at = std::ranges::find_if(answers, [&](const Answer& each) {
    return lists(each.options, option) &&
           lists(each.commands.empty() ? data : each.commands, command);
  });
  return at == std::end(answers) ? std::string_view() : at->says;
}

std::string_view command_instead_of(std::string_view command) {
  const auto* at = std::ranges::find_if(
      command_names, [&](const Name& each) { return lists(each.theirs, command); });
  return at == std::end(command_names) ? std::string_view() : at->here;
}

std::string others_markdown() {
  std::string out =
      "<!-- SPDX-License-Identifier: Apache-2.0 -->\n<!-- Made by `tutti reference others`; do not "
      "edit. -->\n"
      "# Coming from s5cmd, rclone, the aws CLI, AzCopy or gcloud storage\n\n"
      "Some of their options mean the same here: `--recursive` (`-r`, `-R`) is taken and not "
      "needed, as a\n"
      "prefix or a folder stands for all below it; `--dryrun` is `--dry-run`, and "
      "`--storage-class` is\n"
      "`--class`. For these stands something else, which the error message says, too:\n\n"
      "| their option | with | here |\n|---|---|---|\n";
  for (const Answer& each : answers) {
    out += fmt::format("| `{}` | {} | {} |\n", fmt::join(words_of(each.options), "` `"),
                       each.commands.empty() ? "any" : each.commands, each.says);
  }
  out += "\n| their command | here |\n|---|---|\n";
  for (const Name& each : command_names) {
    out += fmt::format("| `{}` | {} |\n", fmt::join(words_of(each.theirs), "` `"), each.here);
  }
  return out;
}

}  // namespace tutti::cli
