// SPDX-License-Identifier: Apache-2.0
#include "sql/values.h"

#include <cmath>
#include <cstdlib>
#include <memory>

#include <fmt/format.h>

#include "base/digest.h"

namespace tutti::sql {
namespace {

struct TypeEnd {
  void operator()(duckdb_logical_type type) const { duckdb_destroy_logical_type(&type); }
};
using Type = std::unique_ptr<std::remove_pointer_t<duckdb_logical_type>, TypeEnd>;

template <class T>
T at(duckdb_vector vector, idx_t row) {
  return static_cast<const T*>(duckdb_vector_get_data(vector))[row];
}

bool is_null(duckdb_vector vector, idx_t row) {
  uint64_t* validity = duckdb_vector_get_validity(vector);
  return validity != nullptr && !duckdb_validity_row_is_valid(validity, row);
}

using Int128 = __int128;
using UInt128 = unsigned __int128;

std::string digits(UInt128 n) {
  std::string out;
  do {
    out.insert(out.begin(), static_cast<char>('0' + static_cast<int>(n % 10)));
    n /= 10;
  } while (n != 0);
  return out;
}

std::string signed_digits(Int128 n) {
  return n < 0 ? "-" + digits(-static_cast<UInt128>(n)) : digits(static_cast<UInt128>(n));
}

Int128 wide(duckdb_hugeint n) {
  return static_cast<Int128>(static_cast<UInt128>(static_cast<uint64_t>(n.upper)) << 64U | n.lower);
}

Value integer(Int128 n) {
  if (n >= INT64_MIN && n <= INT64_MAX) {
    return static_cast<int64_t>(n);
  }
  return signed_digits(n);
}

Value unsigned_integer(UInt128 n) {
  if (n <= static_cast<UInt128>(INT64_MAX)) {
    return static_cast<int64_t>(n);
  }
  return digits(n);
}

Value real(double d) {
  if (std::isnan(d)) {
    return "NaN";
  }
  if (std::isinf(d)) {
    return d > 0 ? "Infinity" : "-Infinity";
  }
  return d;
}

std::string decimal(Int128 n, unsigned scale) {
  if (scale == 0) {
    return signed_digits(n);
  }
  std::string text = digits(n < 0 ? -static_cast<UInt128>(n) : static_cast<UInt128>(n));
  if (text.size() <= scale) {
    text.insert(0, scale + 1 - text.size(), '0');
  }
  text.insert(text.size() - scale, ".");
  return n < 0 ? "-" + text : text;
}

Int128 decimal_digits(duckdb_logical_type type, duckdb_vector vector, idx_t row) {
  switch (duckdb_decimal_internal_type(type)) {
    case DUCKDB_TYPE_SMALLINT:
      return at<int16_t>(vector, row);
    case DUCKDB_TYPE_INTEGER:
      return at<int32_t>(vector, row);
    case DUCKDB_TYPE_BIGINT:
      return at<int64_t>(vector, row);
    default:
      return wide(at<duckdb_hugeint>(vector, row));
  }
}

std::string_view text_at(duckdb_vector vector, idx_t row) {
  duckdb_string_t* strings = static_cast<duckdb_string_t*>(duckdb_vector_get_data(vector));
  return {duckdb_string_t_data(&strings[row]), duckdb_string_t_length(strings[row])};
}

std::string date_text(duckdb_date date) {
  if (!duckdb_is_finite_date(date)) {
    return date.days > 0 ? "infinity" : "-infinity";
  }
  const duckdb_date_struct d = duckdb_from_date(date);
  return fmt::format("{:04}-{:02}-{:02}", d.year, d.month, d.day);
}

std::string time_text(const duckdb_time_struct& t) {
  std::string out = fmt::format("{:02}:{:02}:{:02}", t.hour, t.min, t.sec);
  if (t.micros != 0) {
    out += fmt::format(".{:06}", t.micros);
  }
  return out;
}

std::string timestamp_text(int64_t micros) {
  const duckdb_timestamp ts{micros};
  if (!duckdb_is_finite_timestamp(ts)) {
    return micros > 0 ? "infinity" : "-infinity";
  }
  const duckdb_timestamp_struct t = duckdb_from_timestamp(ts);
  return fmt::format("{:04}-{:02}-{:02}T{}", t.date.year, t.date.month, t.date.day,
                     time_text(t.time));
}

// Nanoseconds are given in full; floor division keeps times before 1970 right.
std::string nanos_text(int64_t nanos) {
  if (nanos == INT64_MAX || nanos == -INT64_MAX) {
    return nanos > 0 ? "infinity" : "-infinity";
  }
  int64_t secs = nanos / 1'000'000'000;
  int64_t rest = nanos % 1'000'000'000;
  if (rest < 0) {
    rest += 1'000'000'000;
    --secs;
  }
  std::string out = timestamp_text(secs * 1'000'000);
  return rest == 0 ? out : out + fmt::format(".{:09}", rest);
}

std::string uuid_text(duckdb_hugeint n) {
  const uint64_t high = static_cast<uint64_t>(n.upper) ^ (1ULL << 63U);  // stored in sort order
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32U, high >> 16U & 0xFFFFU,
                     high & 0xFFFFU, n.lower >> 48U, n.lower & 0xFFFFFFFFFFFFULL);
}

// ISO 8601: P1M2DT3.5S
std::string interval_text(duckdb_interval i) {
  std::string out = "P";
  if (i.months != 0) {
    out += fmt::format("{}M", i.months);
  }
  if (i.days != 0) {
    out += fmt::format("{}D", i.days);
  }
  if (i.micros != 0 || out == "P") {
    const int64_t whole = i.micros / 1'000'000;
    const int64_t rest = std::abs(i.micros % 1'000'000);
    out += fmt::format("T{}{}", i.micros < 0 && whole == 0 ? "-" : "", whole);
    out += rest == 0 ? "S" : fmt::format(".{:06}S", rest);
  }
  return out;
}

std::string enum_text(duckdb_logical_type type, duckdb_vector vector, idx_t row) {
  uint64_t index = 0;
  switch (duckdb_enum_internal_type(type)) {
    case DUCKDB_TYPE_UTINYINT:
      index = at<uint8_t>(vector, row);
      break;
    case DUCKDB_TYPE_USMALLINT:
      index = at<uint16_t>(vector, row);
      break;
    default:
      index = at<uint32_t>(vector, row);
  }
  char* text = duckdb_enum_dictionary_value(type, index);
  std::string out = text;
  duckdb_free(text);
  return out;
}

Result<Value> items(const Type& item, duckdb_vector child, idx_t first, idx_t count) {
  ValueList out;
  out.reserve(count);
  for (idx_t i = 0; i < count; ++i) {
    TRY(Value value, cell(item.get(), child, first + i));
    out.push_back(std::move(value));
  }
  return out;
}

Result<Value> list(duckdb_logical_type type, duckdb_vector vector, idx_t row) {
  const auto entry = at<duckdb_list_entry>(vector, row);
  return items(Type(duckdb_list_type_child_type(type)), duckdb_list_vector_get_child(vector),
               entry.offset, entry.length);
}

Result<Value> array(duckdb_logical_type type, duckdb_vector vector, idx_t row) {
  const idx_t size = duckdb_array_type_array_size(type);
  return items(Type(duckdb_array_type_child_type(type)), duckdb_array_vector_get_child(vector),
               row * size, size);
}

Result<Value> structure(duckdb_logical_type type, duckdb_vector vector, idx_t row) {
  ValueMap out;
  for (idx_t i = 0; i < duckdb_struct_type_child_count(type); ++i) {
    char* name = duckdb_struct_type_child_name(type, i);
    std::string key = name;
    duckdb_free(name);
    const Type child(duckdb_struct_type_child_type(type, i));
    TRY(Value value, cell(child.get(), duckdb_struct_vector_get_child(vector, i), row));
    out.set(std::move(key), std::move(value));
  }
  return out;
}

std::string key_text(const Value& key) { return key.is_string() ? key.as_string() : to_json(key); }

// Stored as a list of {key, value}.
Result<Value> map(duckdb_logical_type type, duckdb_vector vector, idx_t row) {
  const auto entry = at<duckdb_list_entry>(vector, row);
  const duckdb_vector pairs = duckdb_list_vector_get_child(vector);
  const Type key_type(duckdb_map_type_key_type(type));
  const Type value_type(duckdb_map_type_value_type(type));
  ValueMap out;
  for (idx_t i = entry.offset; i < entry.offset + entry.length; ++i) {
    TRY(Value key, cell(key_type.get(), duckdb_struct_vector_get_child(pairs, 0), i));
    TRY(Value value, cell(value_type.get(), duckdb_struct_vector_get_child(pairs, 1), i));
    out.set(key_text(key), std::move(value));
  }
  return out;
}

}  // namespace

Result<Value> cell(duckdb_logical_type type, duckdb_vector vector, idx_t row) {
  if (is_null(vector, row)) {
    return Value();
  }
  switch (duckdb_get_type_id(type)) {
    case DUCKDB_TYPE_SQLNULL:
      return Value();
    case DUCKDB_TYPE_BOOLEAN:
      return at<bool>(vector, row);
    case DUCKDB_TYPE_TINYINT:
      return integer(at<int8_t>(vector, row));
    case DUCKDB_TYPE_SMALLINT:
      return integer(at<int16_t>(vector, row));
    case DUCKDB_TYPE_INTEGER:
      return integer(at<int32_t>(vector, row));
    case DUCKDB_TYPE_BIGINT:
      return integer(at<int64_t>(vector, row));
    case DUCKDB_TYPE_UTINYINT:
      return integer(at<uint8_t>(vector, row));
    case DUCKDB_TYPE_USMALLINT:
      return integer(at<uint16_t>(vector, row));
    case DUCKDB_TYPE_UINTEGER:
      return integer(at<uint32_t>(vector, row));
    case DUCKDB_TYPE_UBIGINT:
      return unsigned_integer(at<uint64_t>(vector, row));
    case DUCKDB_TYPE_HUGEINT:
      return integer(wide(at<duckdb_hugeint>(vector, row)));
    case DUCKDB_TYPE_UHUGEINT: {
      const auto n = at<duckdb_uhugeint>(vector, row);
      return unsigned_integer(static_cast<UInt128>(n.upper) << 64U | n.lower);
    }
    case DUCKDB_TYPE_FLOAT:
      return real(static_cast<double>(at<float>(vector, row)));
    case DUCKDB_TYPE_DOUBLE:
      return real(at<double>(vector, row));
    case DUCKDB_TYPE_DECIMAL:
      return decimal(decimal_digits(type, vector, row), duckdb_decimal_scale(type));
    case DUCKDB_TYPE_VARCHAR:
      return Value(text_at(vector, row));
    case DUCKDB_TYPE_BLOB:
      return base64_encode(text_at(vector, row));
    case DUCKDB_TYPE_DATE:
      return date_text(at<duckdb_date>(vector, row));
    case DUCKDB_TYPE_TIME:
      return time_text(duckdb_from_time(at<duckdb_time>(vector, row)));
    case DUCKDB_TYPE_TIMESTAMP:
      return timestamp_text(at<int64_t>(vector, row));
    case DUCKDB_TYPE_TIMESTAMP_S:
      return timestamp_text(at<int64_t>(vector, row) * 1'000'000);
    case DUCKDB_TYPE_TIMESTAMP_MS:
      return timestamp_text(at<int64_t>(vector, row) * 1'000);
    case DUCKDB_TYPE_TIMESTAMP_NS:
      return nanos_text(at<int64_t>(vector, row));
    case DUCKDB_TYPE_TIMESTAMP_TZ: {
      const int64_t micros = at<int64_t>(vector, row);
      const std::string text = timestamp_text(micros);
      return text.ends_with("infinity") ? text : text + "+00:00";
    }
    case DUCKDB_TYPE_INTERVAL:
      return interval_text(at<duckdb_interval>(vector, row));
    case DUCKDB_TYPE_UUID:
      return uuid_text(at<duckdb_hugeint>(vector, row));
    case DUCKDB_TYPE_ENUM:
      return enum_text(type, vector, row);
    case DUCKDB_TYPE_LIST:
      return list(type, vector, row);
    case DUCKDB_TYPE_ARRAY:
      return array(type, vector, row);
    case DUCKDB_TYPE_STRUCT:
      return structure(type, vector, row);
    case DUCKDB_TYPE_MAP:
      return map(type, vector, row);
    default:
      return fail(Code::unsupported,
                  fmt::format("a result of type {} has no form as an output", type_name(type)),
                  "cast it: COLUMN::VARCHAR");
  }
}

std::string type_name(duckdb_logical_type type) {
  switch (duckdb_get_type_id(type)) {
    case DUCKDB_TYPE_BIT:
      return "BIT";
    case DUCKDB_TYPE_TIME_TZ:
      return "TIME WITH TIME ZONE";
    case DUCKDB_TYPE_UNION:
      return "UNION";
    case DUCKDB_TYPE_BIGNUM:
      return "BIGNUM";
    default:
      return fmt::format("number {}", static_cast<int>(duckdb_get_type_id(type)));
  }
}

namespace {

duckdb_value list_of(const ValueList& list) {
  std::vector<duckdb_value> values;
  bool alike = true;
  for (const Value& item : list) {
    alike = alike && item.kind() == list.front().kind() && !item.is_map() && !item.is_list() &&
            !item.is_null();
  }
  duckdb_value out = nullptr;
  if (alike && !list.empty()) {
    for (const Value& item : list) {
      values.push_back(parameter_of(item));
    }
    const duckdb_logical_type type = duckdb_get_value_type(values.front());  // owned by the value
    out = duckdb_create_list_value(type, values.data(), values.size());
    for (duckdb_value& value : values) {
      duckdb_destroy_value(&value);
    }
    return out;
  }
  const std::string json = to_json(Value(list));
  return duckdb_create_varchar_length(json.data(), json.size());
}

}  // namespace

duckdb_value parameter_of(const Value& value) {
  switch (value.kind()) {
    case Kind::null:
      return duckdb_create_null_value();
    case Kind::boolean:
      return duckdb_create_bool(value.as_bool());
    case Kind::integer:
      return duckdb_create_int64(value.as_int());
    case Kind::real:
      return duckdb_create_double(value.as_real());
    case Kind::string:
      return duckdb_create_varchar_length(value.as_string().data(), value.as_string().size());
    case Kind::list:
      return list_of(value.as_list());
    case Kind::map: {
      const std::string json = to_json(value);
      return duckdb_create_varchar_length(json.data(), json.size());
    }
  }
  return duckdb_create_null_value();
}

}  // namespace tutti::sql
