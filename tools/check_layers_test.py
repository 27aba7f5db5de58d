#!/usr/bin/env python3
"""Plants one wrong include at a time in a small house and wants check_layers to name it."""

import tempfile
import unittest
from pathlib import Path

import check_layers

GOOD = {
    "dlfs/base/error.h": "#include <string>\n",
    "dlfs/base/json.cpp": '#include "dlfs/base/error.h"\n#include <simdjson.h>\n',
    "dlfs/tensor/device.h": '#include "dlfs/base/error.h"\n',
    "dlfs/cpu/cpu.h": '#include "dlfs/tensor/device.h"\n',
    "dlfs/cpu/cpu.cpp": "#include <oneapi/dnnl/dnnl.hpp>\n",
    "dlfs/gpu/gpu.cpp": "#include <cudnn.h>\n#include <cuda_runtime_api.h>\n",
    "dlfs/graph/trace.h": '#include "dlfs/tensor/device.h"\n',
    "dlfs/ops/conv/conv.h": '#include "dlfs/graph/trace.h"\n',
    "dlfs/ops/conv/conv_cpu.cpp": '#include "dlfs/cpu/cpu.h"\n#include <oneapi/dnnl/dnnl.hpp>\n',
    "dlfs/ops/conv/conv_test.cpp": '#include <gtest/gtest.h>\n#include "dlfs/testing/cases.h"\n',
    "dlfs/ops/relu/relu.cu": '#include "dlfs/gpu/gpu.h"\n#include <cuda_fp16.h>\n',
    "dlfs/testing/cases.h": '#include "dlfs/ops/conv/conv.h"\n',
    "dlfs/data/store/events.cpp": '#include "dlfs/schema/events_generated.h"\n',
    "dlfs/main/flags.cpp": "#include <CLI/CLI.hpp>\n",
    "dlfs/main/main.cpp": '#include "dlfs/cpu/cpu.h"\n#include <sys/resource.h>\n',
    "examples/own/op.h": '#include "dlfs/graph/trace.h"\n',
    "examples/own/op_cpu.cpp": '#include "own/op.h"\n#include "dlfs/cpu/cpu.h"\n#include <oneapi/dnnl/dnnl.hpp>\n',
    "examples/own/op_test.cpp": '#include "dlfs/testing/cases.h"\n#include <gtest/gtest.h>\n',
}

# (file, what is planted in it, a word of the complaint)
PLANTED = [
    ("dlfs/base/error.h", '#include "dlfs/tensor/device.h"', "look up"),
    ("dlfs/graph/trace.h", '#include "dlfs/cpu/cpu.h"', "only *_cpu.cpp"),
    ("dlfs/graph/plan_cpu.cpp", '#include "dlfs/cpu/cpu.h"', "neighbours"),
    ("dlfs/models/lenet.cpp", '#include "dlfs/data/idx.h"', "neighbours"),
    ("dlfs/ops/conv/conv.h", '#include "dlfs/ops/relu/relu.h"', "neighbour"),
    ("dlfs/ops/conv/conv.cpp", '#include "dlfs/cpu/cpu.h"', "only *_cpu.cpp"),
    ("dlfs/ops/conv/conv_cpu.cpp", '#include "dlfs/gpu/gpu.h"', "only *_gpu.cpp"),
    ("dlfs/ops/conv/conv.cpp", "#include <oneapi/dnnl/dnnl.hpp>", "belongs in"),
    ("dlfs/ops/conv/conv_cpu.cpp", "#include <cudnn.h>", "belongs in"),
    ("dlfs/cpu/cpu.h", "#include <oneapi/dnnl/dnnl.hpp>", "header of ours"),
    ("dlfs/base/log.cpp", "#include <simdjson.h>", "belongs in"),
    ("dlfs/main/train.cpp", "#include <CLI/CLI.hpp>", "wrapped by one file"),
    ("dlfs/ops/conv/conv.cpp", '#include "dlfs/testing/cases.h"', "tests only"),
    ("dlfs/ops/conv/conv.cpp", '#include "conv.h"', "does not begin with dlfs/"),
    ("dlfs/ops/conv/conv.cpp", "#include <dlfs/ops/conv/conv.h>", "is written"),
    ("dlfs/ops/conv/conv.cpp", "#include <fmt/format.h>", "does not know"),
    ("examples/own/op_cpu.cpp", '#include "dlfs/main/flags.h"', "not installed"),
    ("examples/own/op_cpu.cpp", '#include "dlfs/testing/cases.h"', "tests only"),
    ("examples/own/op_cpu.cpp", '#include "op.h"', "does not begin with dlfs/"),
    ("examples/own/op.h", "#include <oneapi/dnnl/dnnl.hpp>", "header of ours"),
    ("dlfs/data/store/events.h", '#include "dlfs/schema/events_generated.h"', "header of ours"),
    ("dlfs/train/loop.cpp", '#include "dlfs/schema/events_generated.h"', "belongs in"),
    ("dlfs/attic/old.cpp", '#include "dlfs/base/error.h"', "no folder of the house"),
    ("dlfs/base/long.cpp", "// a line\n" * 500, "lines"),
]


class CheckLayers(unittest.TestCase):
    def faults_with(self, file=None, line=""):
        with tempfile.TemporaryDirectory() as folder:
            house = dict(GOOD)
            if file:
                house[file] = house.get(file, "") + line + "\n"
            for name, text in house.items():
                path = Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return check_layers.faults(Path(folder))

    def test_a_good_house_has_no_fault(self):
        self.assertEqual(self.faults_with(), [])

    def test_each_planted_fault_is_named_alone(self):
        for file, line, word in PLANTED:
            with self.subTest(file=file, planted=line[:60]):
                found = self.faults_with(file, line)
                self.assertEqual(len(found), 1, found)
                self.assertIn(word, found[0])


if __name__ == "__main__":
    unittest.main()
