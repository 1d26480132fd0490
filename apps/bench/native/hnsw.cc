/**
 * hnswlib as C++ programs use it, asked over standard input like the other engines of the benchmark (`engine-main.ts`):
 *
 *   build       → {"cpuSeconds": s}
 *   search EF   → {"cpuSeconds": s, "queries": n}    one query after the other for at least SECONDS_MIN
 *   find EF     → {"ids": [...]}                     the ten of each query, in no order
 *
 * Arguments: file of vectors, file of queries (float32), dimensions, "l2" or "ip", M, efConstruction.
 */
#include <ctime>
#include <fstream>
#include <iostream>
#include <sstream>

#include "hnswlib/hnswlib.h"

static const double SECONDS_MIN = 0.2;
static const size_t K = 10;
/** Queries between two looks at the clock. */
static const size_t PASS = 250;

static std::vector<float> read(const char* path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) throw std::runtime_error(std::string("cannot read ") + path);
  std::vector<float> values(static_cast<size_t>(file.tellg()) / sizeof(float));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(values.data()), values.size() * sizeof(float));
  return values;
}

static double cpuSeconds() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return time.tv_sec + time.tv_nsec * 1e-9;
}

int main(int argc, char** argv) {
  if (argc != 7) return 2;
  const std::vector<float> base = read(argv[1]), queries = read(argv[2]);
  const size_t dims = std::stoul(argv[3]), m = std::stoul(argv[5]), ef_construction = std::stoul(argv[6]);
  const size_t count = base.size() / dims, asked = queries.size() / dims;
  std::unique_ptr<hnswlib::SpaceInterface<float>> space;
  if (std::string(argv[4]) == "l2") space.reset(new hnswlib::L2Space(dims));
  else space.reset(new hnswlib::InnerProductSpace(dims));
  std::unique_ptr<hnswlib::HierarchicalNSW<float>> graph;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string what;
    size_t ef = 0;
    words >> what >> ef;
    if (graph) graph->setEf(ef);
    const double start = cpuSeconds();
    if (what == "build") {
      graph.reset();
      graph.reset(new hnswlib::HierarchicalNSW<float>(space.get(), count, m, ef_construction));
      for (size_t i = 0; i < count; i++) graph->addPoint(base.data() + i * dims, i);
      std::cout << "{\"cpuSeconds\": " << cpuSeconds() - start << "}" << std::endl;
    } else if (what == "search") {
      size_t done = 0;
      do {
        for (size_t i = 0; i < PASS; i++) graph->searchKnn(queries.data() + (done + i) % asked * dims, K);
        done += PASS;
      } while (cpuSeconds() - start < SECONDS_MIN);
      std::cout << "{\"cpuSeconds\": " << cpuSeconds() - start << ", \"queries\": " << done << "}" << std::endl;
    } else {
      std::cout << "{\"ids\": [";
      for (size_t i = 0; i < asked; i++) {
        auto found = graph->searchKnn(queries.data() + i * dims, K);
        for (size_t k = 0; k < K; k++) {
          std::cout << (i + k > 0 ? "," : "") << (found.empty() ? -1 : static_cast<long>(found.top().second));
          if (!found.empty()) found.pop();
        }
      }
      std::cout << "]}" << std::endl;
    }
  }
}
