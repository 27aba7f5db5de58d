#include "dlfs/testing/op_checks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>

#include "dlfs/graph/check.h"
#include "dlfs/testing/golden.h"

namespace dlfs::testing {
namespace {

constexpr double epsilon_f32 = 0x1p-24;
// Three parts in a hundred of the outputs may stand so near a kink (of relu, of a maximum) that a difference over it
// means nothing; they are left out of the projection.
constexpr double most_kinks = 0.03;

double sum_of_products(const Numbers& a, const Numbers& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

double norm(const Numbers& a) { return std::sqrt(sum_of_products(a, a)); }

CheckRow compare_row(const std::string& name, const Numbers& found, const Numbers& wanted, double tolerance) {
  if (found.size() != wanted.size())
    return {name, 0, 0, concat("has ", found.size(), " elements, not ", wanted.size())};
  return {name, relative_error(found, wanted), tolerance, ""};
}

void append_guards(CheckRows& rows, const OpCase& of, const OpRun& run) {
  const std::string broken = run.broken_guards();
  rows.push_back({of.name + " guard zones", 0, 0, broken.empty() ? "" : "wrote " + broken});
}

// An input moved along a direction, as the f32 numbers that the kernel will see.
Numbers moved(const Numbers& from, const Numbers& direction, double by) {
  Numbers to(from.size());
  for (size_t i = 0; i < to.size(); ++i) to[i] = static_cast<float>(from[i] + by * direction[i]);
  return to;
}

// Backward against central differences along one random direction, over all outputs and all inputs at once.
CheckRow difference_row(Device& cpu, const OpCase& of, int round) {
  const double step = of.step;
  OpRun run(cpu, of);
  const size_t inputs = of.inputs.size();
  std::vector<Numbers> base(inputs), up(inputs), down(inputs);
  for (size_t i = 0; i < inputs; ++i) {
    if (!run.has_gradient(i)) continue;
    base[i] = case_input(of, i);
    const Numbers direction = random_numbers(concat(of.name, "/direction", round, "/", i),
                                             static_cast<int64_t>(base[i].size()), -1, 1);
    up[i] = moved(base[i], direction, step);
    down[i] = moved(base[i], direction, -step);
  }
  const auto outputs_at = [&](const std::vector<Numbers>& at) {
    for (size_t i = 0; i < inputs; ++i)
      if (run.has_gradient(i)) run.set_input(i, at[i]);
    run.forward();
    return run.results();
  };
  const std::vector<Numbers> above = outputs_at(up), below = outputs_at(down), middle = outputs_at(base);

  // Where the two one-sided differences of a function that is not smooth disagree, a kink lies between them.
  double difference = 0, noise = 0;
  int64_t kinks = 0, outputs = 0;
  const double grain = epsilon_f32 * (1 + std::sqrt(static_cast<double>(run.signature().terms)));
  for (size_t o = 0; o < (of.first_gradient_only ? 1 : middle.size()); ++o) {
    Numbers projection = case_d_out(of, o, static_cast<int64_t>(middle[o].size()));
    double largest = 0, slope = 0;
    for (size_t i = 0; i < projection.size(); ++i) {
      largest = std::max(largest, std::abs(middle[o][i]));
      slope += std::abs(above[o][i] - below[o][i]) / static_cast<double>(projection.size());
    }
    for (size_t i = 0; i < projection.size(); ++i, ++outputs) {
      const double bend = above[o][i] - 2 * middle[o][i] + below[o][i];
      if (!of.smooth && std::abs(bend) > 0.02 * slope + 16 * grain * largest) {
        projection[i] = 0;
        ++kinks;
      }
      difference += projection[i] * (above[o][i] - below[o][i]);
      noise += std::pow(projection[i] * grain * largest, 2);
    }
    run.set_d_out(o, projection);
  }
  run.backward(Write::set);
  const std::vector<Numbers> gradients = run.gradients();
  double predicted = 0, scale = 0;
  for (size_t i = 0; i < inputs; ++i) {
    if (!run.has_gradient(i)) continue;
    const Numbers path = moved(up[i], down[i], -1);
    predicted += sum_of_products(gradients[i], path);
    scale += std::pow(norm(gradients[i]) * norm(path), 2) / static_cast<double>(path.size());
  }
  scale = std::sqrt(scale);
  CheckRow row{concat(of.name, " difference ", round), std::abs(difference - predicted) / scale,
               4 * std::sqrt(noise) / scale + 2 * step * step, ""};
  if (static_cast<double>(kinks) > most_kinks * static_cast<double>(outputs) + 1)
    row.fault = concat(kinks, " of ", outputs, " outputs stand at a kink");
  if (row.tolerance > 0.02) row.fault += concat(" a tolerance of ", row.tolerance, " would prove nothing");
  return row;
}

double tolerance_of_gradient(const OpRun& run, const OpCase& of, size_t input) {
  return gradient_tolerance(run.signature(), of.precision, input) +
         storage_tolerance(of.inputs[input].spec.dtype);
}

// Each gradient alone, the others skipped, is what it was with all; nothing is written where nothing is asked for. Then
// every second one is added to 0.
void append_mixed_rows(CheckRows& rows, const OpCase& of, OpRun& run, const std::vector<Numbers>& set) {
  std::vector<Numbers> zeros;
  std::vector<Write> mixed;
  for (size_t i = 0; i < set.size(); ++i) {
    zeros.emplace_back(set[i].size(), 0.0);
    mixed.push_back(set[i].empty() ? Write::skip : i % 2 == 0 ? Write::add : Write::set);
    if (set[i].empty()) continue;
    std::vector<Write> alone(set.size(), Write::skip);
    alone[i] = Write::set;
    run.backward(alone);
    const std::vector<Numbers> found = run.gradients();
    rows.push_back({concat(of.name, " d_in", i, " alone"), relative_error(found[i], set[i]),
                    tolerance_of_gradient(run, of, i), ""});
    for (size_t other = 0; other < set.size(); ++other)
      if (other != i && !set[other].empty() &&
          !std::all_of(found[other].begin(), found[other].end(), [](double g) { return std::isinf(g); }))
        rows.push_back(
            {concat(of.name, " d_in", other, " skipped"), 0, 0, "was written though it was to be skipped"});
  }
  run.backward(mixed, zeros);
  const std::vector<Numbers> found = run.gradients();
  for (size_t i = 0; i < set.size(); ++i)
    if (!set[i].empty())
      rows.push_back({concat(of.name, " d_in", i, " mixed"), relative_error(found[i], set[i]),
                      tolerance_of_gradient(run, of, i), ""});
}

// `add` on noise gives noise + gradient; backward with `set` over infinity was the gradient itself.
void append_write_rows(CheckRows& rows, Device& cpu, const OpCase& of) {
  OpRun run(cpu, of);
  run.forward();
  run.backward(Write::set);
  const std::vector<Numbers> set = run.gradients();
  std::vector<Numbers> noise(set.size());
  for (size_t i = 0; i < set.size(); ++i) {
    double largest = 0;
    for (const double g : set[i]) largest = std::max(largest, std::abs(g));
    noise[i] =
        random_numbers(concat(of.name, "/noise", i), static_cast<int64_t>(set[i].size()), -largest, largest);
  }
  run.backward(Write::add, noise);
  const std::vector<Numbers> added = run.gradients();
  for (size_t i = 0; i < set.size(); ++i) {
    if (set[i].empty()) continue;
    const double tolerance = gradient_tolerance(run.signature(), of.precision, i);
    Numbers wanted(set[i].size());
    for (size_t j = 0; j < wanted.size(); ++j) wanted[j] = set[i][j] + noise[i][j];
    rows.push_back(compare_row(concat(of.name, " d_in", i, " added"), added[i], wanted, tolerance));
  }
  append_guards(rows, of, run);
  append_mixed_rows(rows, of, run, set);
}

bool differentiable(const OpRun& run, const OpCase& of) {
  for (size_t i = 0; i < of.inputs.size(); ++i)
    if (run.has_gradient(i)) return true;
  return false;
}

// A device against the CPU, on the same numbers.
CheckRows compare(Device& cpu, const OpCase& wanted_case, Device& device, const OpCase& found_case) {
  CheckRows rows;
  OpRun wanted(cpu, wanted_case), found(device, found_case);
  wanted.forward();
  found.forward();
  const double tolerance = output_tolerance(wanted.signature(), found_case.precision);
  const std::vector<Numbers> found_results = found.results(), wanted_results = wanted.results();
  for (size_t i = 0; i < wanted_results.size(); ++i)
    rows.push_back(compare_row(concat(wanted_case.name, " result ", i), found_results[i], wanted_results[i],
                               tolerance + storage_tolerance(found.result_type(i))));
  const std::vector<Numbers> found_saved = found.saved(), wanted_saved = wanted.saved();
  for (size_t i = 0; i < wanted_saved.size(); ++i)
    rows.push_back(
        compare_row(concat(wanted_case.name, " saved ", i), found_saved[i], wanted_saved[i], tolerance));

  std::vector<Numbers> wanted_set;
  if (differentiable(found, found_case)) {
    // Both backwards read the CPU's outputs, so that a relu whose input is a rounding away from 0 is the same on both.
    found.set_results(wanted_results, wanted_saved);
    const std::vector<Write> ways =
        wanted_case.speed ? std::vector{Write::set} : std::vector{Write::set, Write::add};
    std::vector<Numbers> noise;
    for (size_t i = 0; i < wanted_case.inputs.size(); ++i) {
      const bool wanted_here = found.has_gradient(i) && ways.size() > 1;
      noise.push_back(random_numbers(concat(wanted_case.name, "/noise", i),
                                     wanted_here ? wanted_case.inputs[i].spec.shape.count() : 0, -1, 1));
    }
    for (const Write how : ways) {
      wanted.backward(how, how == Write::add ? noise : std::vector<Numbers>{});
      found.backward(how, how == Write::add ? noise : std::vector<Numbers>{});
      const std::vector<Numbers> found_gradients = found.gradients(), wanted_gradients = wanted.gradients();
      if (how == Write::set) wanted_set = wanted_gradients;
      for (size_t i = 0; i < found_gradients.size(); ++i)
        if (found.has_gradient(i))
          rows.push_back(compare_row(
              concat(wanted_case.name, " d_in", i, how == Write::add ? " added" : " set"), found_gradients[i],
              wanted_gradients[i], tolerance_of_gradient(found, found_case, i)));
    }
  }
  if (differentiable(found, found_case) && !wanted_case.speed)
    append_mixed_rows(rows, found_case, found, wanted_set);
  append_guards(rows, found_case, found);
  return rows;
}

}  // namespace

double relative_error(const Numbers& found, const Numbers& wanted) {
  double largest = 0, error = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (std::isnan(found[i]) || std::isnan(wanted[i])) return std::nan("");
    largest = std::max(largest, std::abs(wanted[i]));
    error = std::max(error, std::abs(found[i] - wanted[i]));
  }
  return error == 0 ? 0 : error / std::max(largest, 1e-30);
}

CheckRows check_gradient(Device& cpu, const OpCase& of) {
  CheckRows rows;
  if (OpRun run(cpu, of); !differentiable(run, of)) {
    run.forward();
    append_guards(rows, of, run);
    return rows;
  }
  for (int round = 0; round < 3; ++round) rows.push_back(difference_row(cpu, of, round));
  append_write_rows(rows, cpu, of);
  return rows;
}

CheckRows check_compare(Device& cpu, Device& device, const OpCase& of) {
  return compare(cpu, of, device, of);
}

CheckRows check_narrow(Device& cpu, Device& device, const OpCase& of, Precision precision) {
  OpCase wide = wide_twin(of, precision), narrow = narrow_twin(of, precision);
  narrow.name = wide.name;  // from which its numbers are made
  CheckRows rows = compare(cpu, wide, device, narrow);
  for (CheckRow& row : rows) row.name += concat(" ", to_string(precision));
  return rows;
}

CheckRows check_golden(Device& device, const OpCase& of) {
  CheckRows rows;
  OpRun run(device, of);
  run.forward();
  const double tolerance = output_tolerance(run.signature(), of.precision);
  const GoldenFile& golden = op_golden(of.name);
  const std::vector<Numbers> results = run.results();
  for (size_t i = 0; i < results.size(); ++i)
    rows.push_back(compare_row(concat(of.name, " result ", i), golden_sample(results[i]),
                               golden.tensor(concat(of.name, "/result", i)), tolerance));
  if (!differentiable(run, of)) return rows;
  run.backward(Write::set);
  const std::vector<Numbers> gradients = run.gradients();
  for (size_t i = 0; i < gradients.size(); ++i)
    if (run.has_gradient(i))
      rows.push_back(compare_row(concat(of.name, " d_in", i), golden_sample(gradients[i]),
                                 golden.tensor(concat(of.name, "/d_in", i)),
                                 gradient_tolerance(run.signature(), of.precision, i)));
  return rows;
}

void measure_speed(Device& device, const OpCase& of) {
  OpRun run(device, of);
  run.forward();
  const bool has_backward = differentiable(run, of);
  if (has_backward) run.backward(Write::set);
  double moved_bytes = 0;
  for (const CaseInput& input : of.inputs) moved_bytes += static_cast<double>(bytes(input.spec));
  for (const Spec& spec : run.signature().outputs) moved_bytes += static_cast<double>(bytes(spec));

  const auto time = [&](Kernel& kernel) {
    constexpr int repeats = 20;
    const KernelPtr recording = device.record([&](Stream stream) {
      for (int i = 0; i < repeats; ++i) kernel.run(stream);
    });
    std::vector<double> times;
    for (int i = 0; i < 9; ++i) {
      const auto start = std::chrono::steady_clock::now();
      recording->run(device.stream());
      device.synchronize(device.stream());
      times.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() /
                      repeats);
    }
    std::nth_element(times.begin(), times.begin() + 4, times.end());
    return times[4] * 1e6;
  };
  const auto describe = [&](const char* half, Kernel& kernel, double passes) {
    const double us = time(kernel);
    return concat("  speed ", of.name, " ", half, ": ", fixed(us, 1), " us, ",
                  fixed(passes * moved_bytes / us / 1e3, 0), " GB/s of the bytes it must move, ",
                  kernel.engine());
  };
  std::cout << describe("forward", run.forward_kernel(), 1) << "\n";
  if (has_backward) std::cout << describe("backward", run.backward_kernel(), 2) << "\n";
}

bool all_ok(const CheckRows& rows) {
  return std::all_of(rows.begin(), rows.end(), [](const CheckRow& row) { return row.ok(); });
}

void expect_rows(const CheckRows& rows) {
  EXPECT_FALSE(rows.empty()) << "nothing was checked";
  for (const CheckRow& row : rows) {
    const std::string text = concat("  ", row.ok() ? "ok    " : "WRONG ", row.name, ": error ", row.error,
                                    ", tolerance ", row.tolerance, row.fault.empty() ? "" : "; ", row.fault);
    std::cout << text << "\n";
    if (!row.ok()) ADD_FAILURE() << text;
  }
}

}  // namespace dlfs::testing
