// Many samples over several workers.
#pragma once

#include <functional>

#include "octet/result.h"

namespace octet {

// Called from time to time, from the calling thread, with the number of items done.
using Progress = std::function<void(size_t done, size_t total)>;

// Calls work(worker, index) once for each index in [0, count), from `workers` threads (worker in [0, workers)); calls
// of one worker never overlap. After an error no new index is started, and the error of the lowest index is returned.
// Where the system gives fewer threads, these do the work; where it gives none, the calling thread does, and reports
// progress at the end only.
Status parallel_for(size_t count, int workers, const Progress& progress,
                    const std::function<Status(int worker, size_t index)>& work);

}  // namespace octet
