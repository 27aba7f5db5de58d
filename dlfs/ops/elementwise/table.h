// The elementwise ops: one row an op. A new row is a new op with its gradient, both halves and its function in
// elementwise.h: Value NAME(Value) for UNARY, Value NAME(Term, Term) for BINARY. NUMBERED is unary with settings of its
// own, so its function is written by hand there.
//
// In a formula stand a and b, the inputs; y, the output; d, the gradient that arrives at y; and s, the settings of the
// call; all are f32. Behind each gradient stands what it reads (of_a, of_b, of_y, or none): only these are kept alive
// until backward, the others are 0 there. What the formulas call is in formula.h.
#pragma once

// clang-format off
#define DLFS_ELEMENTWISE(UNARY, NUMBERED, BINARY)                                                         \
  /*     name      value          gradient of a          reads        gradient of b          reads */     \
  BINARY(add,      a + b,         d,                     none,        d,                     none)        \
  BINARY(subtract, a - b,         d,                     none,        -d,                    none)        \
  BINARY(multiply, a * b,         d * b,                 of_b,        d * a,                 of_a)        \
  BINARY(divide,   a / b,         d / b,                 of_b,        -d * (a / b / b),      of_a | of_b) \
  BINARY(maximum,  larger(a, b),  unless_below(a, b, d), of_a | of_b, unless_below(b, a, d), of_a | of_b) \
  BINARY(minimum,  smaller(a, b), unless_below(b, a, d), of_a | of_b, unless_below(a, b, d), of_a | of_b) \
  /*       name        value                         gradient of a                      reads */          \
  UNARY(   negate,     -a,                           -d,                                none)             \
  UNARY(   exp,        std::exp(a),                  d * y,                             of_y)             \
  UNARY(   log,        std::log(a),                  d / a,                             of_a)             \
  UNARY(   sqrt,       std::sqrt(a),                 d / (2 * y),                       of_y)             \
  UNARY(   abs,        std::fabs(a),                 a > 0 ? d : a < 0 ? -d : 0,        of_a)             \
  UNARY(   relu,       a <= 0 ? 0 : a,               y <= 0 ? 0 : d,                    of_y)             \
  UNARY(   sigmoid,    logistic(a),                  d * y * (1 - y),                   of_y)             \
  UNARY(   tanh,       std::tanh(a),                 d * (1 - y * y),                   of_y)             \
  UNARY(   silu,       a * logistic(a),              d * silu_slope(a),                 of_a)             \
  UNARY(   hard_swish, a * clamped(a + 3, 0, 6) / 6, d * hard_swish_slope(a),           of_a)             \
  NUMBERED(leaky_relu, a > 0 ? a : a * s.slope,      y > 0 ? d : d * s.slope,           of_y)             \
  NUMBERED(clamp,      clamped(a, s.low, s.high),    a >= s.low && a <= s.high ? d : 0, of_a)             \
  NUMBERED(power,      raised(a, s.exponent),        d * power_slope(a, s.exponent),    of_a)
// clang-format on
