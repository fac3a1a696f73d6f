/* chance.h: what the fuzz programs draw from: a seed, or the input that libFuzzer gives. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static uint64_t state;
static const uint8_t *input;
static size_t input_left;

static uint64_t draw(void) {
  if (input) {
    uint64_t word = 0;
    size_t take = input_left < 8 ? input_left : 8;
    memcpy(&word, input, take);
    input += take;
    input_left -= take;
    return word;
  }
  state += 0x9e3779b97f4a7c15;
  uint64_t mixed = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

static uint64_t below(uint64_t limit) { return draw() % limit; }
static int one_in(uint64_t n) { return below(n) == 0; }
