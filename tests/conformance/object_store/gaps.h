// SPDX-License-Identifier: Apache-2.0
// What servers of the tests lack or get wrong: the one place where the suite asks less of one.
// Where a case meets a gap it checks what the server does instead, as far as that is certain: a gap
// that was closed shows up, and its row goes.
#pragma once

#include <cstdint>
#include <string_view>

namespace tutti::cloud {

enum class Gap : uint8_t {
  races,                // looks first and writes then: of many at once several can win
  uploads_stay,         // takes the parts of an upload that was given up for an object
  conditions_of_puts,   // knows no other conditions
  one_page_of_folders,  // with a delimiter a listing has only one page, whatever its limit
  circles,              // with a delimiter the pages of a listing come round for ever
  silent_digests,       // the replies to puts and commits have no digest
  bucket_again,         // making a bucket that is there is no error
  no_line_ends,         // has no keys with one
  no_conditions,        // takes every put and removal, whatever its conditions
  one_delimiter,        // every delimiter is a slash to it
  lost_place,           // a listing cannot go on from a name that is gone
  parts_once,           // a part cannot be sent again
  self_copies,          // a copy onto itself, which sets metadata anew, says nothing of what it did
  metadata_stays,       // a copy without metadata has that of its source
  passing_etags,        // of an upload: the commit says another ETag than HEAD does later
  plain_copies,         // a copy loses what was noted with the object
  times_unknown,        // says nothing true of when an upload was begun
  no_locks,             // does not keep locks, and does not say so
  versions_end_early,   // a listing of versions ends with a folder that fills its page
  locked_too_late,      // writes an object, and refuses its lock then
  no_versions,          // gives the object, whatever version of it is asked for
  retention_stays,      // a retention cannot be ended, only changed
  markers_are_objects,  // create-only is refused where a delete marker is
  markers_get_lost,     // a delete marker that is followed by others is not always listed
  versions_unlisted,    // refuses to list versions
  no_tags,              // keeps none; asked for them it says something else
  markers_last,         // lists them behind the versions, with times of whole seconds
};

struct KnownGap {
  std::string_view server;
  Gap gap;
  std::string_view reason;
};

inline constexpr KnownGap known_gaps[] = {
    {"versitygw", Gap::races, "looks at a condition, then writes the file"},
    {"versitygw", Gap::retention_stays, "wants a time to come of every retention"},
    {"versitygw", Gap::markers_are_objects, "compares the ETag of what is there, a marker too"},
    {"versitygw", Gap::versions_end_early, "with a delimiter it says then that there is no more"},
    {"versitygw", Gap::locked_too_late, "looks at the bucket's lock behind the bytes"},
    {"versitygw", Gap::markers_get_lost, "where a marker is the latest, what follows replaces it"},
    {"azurite", Gap::uploads_stay, "keeps blocks that Azure would have dropped"},
    {"azurite", Gap::no_locks, "does not read the headers of immutability"},
    {"azurite", Gap::no_versions, "does not read versionid"},
    {"fake-gcs-server", Gap::no_locks, "keeps neither retention nor holds"},
    {"fake-gcs-server", Gap::conditions_of_puts, "reads ifGenerationMatch of uploads only"},
    {"fake-gcs-server", Gap::one_page_of_folders, "gives prefixes without a page token"},
    {"fake-gcs-server", Gap::metadata_stays, "takes no metadata for none said"},
    {"moto", Gap::races, "has a thread for each request and no lock around its buckets"},
    {"moto", Gap::silent_digests, "keeps a checksum but gives it to HEAD alone"},
    {"moto", Gap::bucket_again, "as Amazon does in us-east-1"},
    {"moto", Gap::no_line_ends, "its web framework ends the path there"},
    {"moto", Gap::markers_last, "so a marker's place among the versions of one second is lost"},
    {"moto", Gap::no_locks, "shortens and ends every retention, and shows none"},
    {"moto", Gap::times_unknown, "says 2010-11-10 of every upload"},
    {"rclone", Gap::races, "knows no conditions"},
    {"rclone", Gap::no_conditions, "does not read If-Match and If-None-Match"},
    {"rclone", Gap::one_delimiter, "lists folders, whatever is asked"},
    {"rclone", Gap::lost_place, "begins anew where the last name is not there any more"},
    {"rclone", Gap::parts_once, "writes parts into the file as they come"},
    {"rclone", Gap::self_copies, "answers with an empty result"},
    {"rclone", Gap::passing_etags, "makes one of the parts, then keeps the file's MD5"},
    {"rclone", Gap::plain_copies, "drops metadata with the directive COPY"},
    {"rclone", Gap::no_locks, "does not read the headers of locks"},
    {"rclone", Gap::no_versions, "does not read versionId"},
    {"rclone", Gap::versions_unlisted, "NotImplemented"},
    {"rclone", Gap::no_tags, "does not know the request"},
    {"rclone", Gap::circles, "gives folders first on each page and goes on from the last name"},
};

constexpr bool has_gap(std::string_view server, Gap gap) {
  for (const KnownGap& each : known_gaps) {
    if (each.server == server && each.gap == gap) {
      return true;
    }
  }
  return false;
}

}  // namespace tutti::cloud
