#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include "octet/zoo.h"

int main(int argc, char** argv) {
  octet::use_zoo();
  return doctest::Context(argc, argv).run();
}
