# The names under which units start the one static program.
{
  stages = [
    "pattern-usr"
    "pattern-grow"
    "pattern-reset"
    "pattern-persist"
    "pattern-seed"
    "pattern-credentials"
    "pattern-health"
    "pattern-latch"
    "pattern-scrub"
    "pattern-fallback"
    "pattern-recovery"
    "pattern-retry"
    "pattern-emergency"
  ];
}
