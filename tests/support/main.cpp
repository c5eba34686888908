#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include "octet/zoo.h"
#include "tests/support/skip.h"

namespace {

unsigned case_count = 0, skipped_count = 0;

struct CaseCounter : doctest::IReporter {
  explicit CaseCounter(const doctest::ContextOptions&) {}
  void test_case_start(const doctest::TestCaseData&) override { ++case_count; }

  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_end(const doctest::CurrentTestCaseStats&) override {}
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}
};
DOCTEST_REGISTER_LISTENER("count", 0, CaseCounter);

}  // namespace

void octet::test::skip(const std::string& why) {
  MESSAGE("skipped: " << why);
  ++skipped_count;
}

int main(int argc, char** argv) {
  octet::use_zoo();
  const int failed = doctest::Context(argc, argv).run();
  return failed == 0 && case_count > 0 && skipped_count == case_count ? octet::test::kSkipped : failed;
}
