/* native/init.c with a clock around each of its calls. */
#define TEU_READ_WAITS 1
#include "timed-calls.h"
#define teu_init run_plan
#include "../../native/init.c"
#undef teu_init

__attribute__((used)) void teu_init(void) {
  map_ticks();
  run_plan();
}
