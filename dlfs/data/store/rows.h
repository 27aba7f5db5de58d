// Records from rows and rows from records: the SQL that several rooms of data/store share. What no row may hold is
// found on the way in and, since a file may come from anywhere, on the way out. One thread.
#pragma once

#include <string>

#include "dlfs/data/records.h"
#include "dlfs/data/store/database.h"
#include "dlfs/data/store/events.h"

namespace dlfs {

// What a row cannot hold ("its box has a number that is not finite"), or "".
std::string fault_of(const Annotation& annotation);
std::string fault_of(const PredictedBox& box);

extern const char* const image_by_id;                // ?1: its id
extern const char* const image_by_path;              // ?1: folder, ?2: path
extern const char* const images_in_order;            // by id
extern const char* const annotation_by_id;           // ?1: its id
extern const char* const annotations_of_image;       // ?1: the image's id; deleted ones too
extern const char* const live_annotations_of_image;  // ?1: the image's id
extern const char* const live_annotations_in_order;  // by image, then id

struct BoxColumns {  // four NULLs where there is no box
  explicit BoxColumns(const std::optional<BoundingBox>& box);
  std::optional<float> x, y, width, height;
};
std::optional<std::string_view> or_null(const std::string& text);  // NULL for ""

float float_of(const Query& row, int column);
std::optional<BoundingBox> box_of(const Query& row, int first);  // of four columns from `first` on

Size size_of(const Query& row, int first);  // of two columns
Split split_of(const Query& row, int column);
// The id in column 0 must be above `last`, and is that from now on: so no damaged file gives rows for ever.
void check_ascends(const Query& row, int64_t& last);
bool next_by_id(Query& row, int64_t& last);  // steps to the next row, whose id is held to that

ImageRecord image_of(const Query& row);
Annotation annotation_of(const Query& row);

int64_t insert(Database& database, const Annotation& annotation);  // its new id; annotation.id is ignored
void update(Database& database, const Annotation& annotation);

// The next revision, and the time, are written into the event; then it is a row.
void append(Database& database, LabelEvent& event);
LabelEvent event_of(const Query& row, int column);  // of a message
int64_t last_revision(Database& database);

// How a folder is written in a store: relative to the store's own folder where it lies beneath, so that both may move
// together; and back.
std::string stored_folder(const Database& database, const std::string& path);
std::string full_folder(const Database& database, std::string_view stored);

}  // namespace dlfs
