window.BENCHMARK_DATA = {
  "lastUpdate": 1795546095512,
  "repoUrl": "https://github.com/example/sample",
  "entries": {
    "Go Benchmark": [
      {
        "commit": {
          "author": {
            "email": "dev@example.com",
            "name": "Dev",
            "username": "dev"
          },
          "committer": {
            "email": "dev@example.com",
            "name": "Dev",
            "username": "dev"
          },
          "distinct": true,
          "id": "0000000000000000000000000000000000000001",
          "message": "Change",
          "timestamp": "2026-11-24T18:00:00Z",
          "tree_id": "0000000000000000000000000000000000000065",
          "url": "https://github.com/example/sample/commit/x"
        },
        "date": 1795546095001,
        "tool": "go",
        "benches": [
          {
            "name": "BenchmarkFib10",
            "value": 325,
            "unit": "ns/op",
            "extra": "5000000 times"
          },
          {
            "name": "BenchmarkFib10",
            "value": 327,
            "unit": "ns/op",
            "extra": "5000000 times"
          },
          {
            "name": "BenchmarkFib10 - B/op",
            "value": 16,
            "unit": "B/op"
          }
        ]
      },
      {
        "commit": {
          "author": {
            "email": "dev@example.com",
            "name": "Dev",
            "username": "dev"
          },
          "committer": {
            "email": "dev@example.com",
            "name": "Dev",
            "username": "dev"
          },
          "distinct": true,
          "id": "0000000000000000000000000000000000000002",
          "message": "Change",
          "timestamp": "2026-11-24T18:00:00Z",
          "tree_id": "0000000000000000000000000000000000000066",
          "url": "https://github.com/example/sample/commit/x"
        },
        "date": 1795546095002,
        "tool": "go",
        "benches": [
          {
            "name": "BenchmarkFib10",
            "value": 650,
            "unit": "ns/op",
            "extra": "5000000 times"
          },
          {
            "name": "BenchmarkFib10",
            "value": 654,
            "unit": "ns/op",
            "extra": "5000000 times"
          },
          {
            "name": "BenchmarkFib10 - B/op",
            "value": 16,
            "unit": "B/op"
          }
        ]
      }
    ],
    "Python Benchmark": [
      {
        "commit": {
          "author": {
            "email": "dev@example.com",
            "name": "Dev",
            "username": "dev"
          },
          "committer": {
            "email": "dev@example.com",
            "name": "Dev",
            "username": "dev"
          },
          "distinct": true,
          "id": "0000000000000000000000000000000000000002",
          "message": "Change",
          "timestamp": "2026-11-24T18:00:00Z",
          "tree_id": "0000000000000000000000000000000000000066",
          "url": "https://github.com/example/sample/commit/x"
        },
        "date": 1795546095002,
        "tool": "pytest",
        "benches": [
          {
            "name": "tests/test_fib.py::test_fib",
            "value": 41513.27,
            "unit": "iter/sec",
            "range": "stddev: 0.0000",
            "extra": "mean: 24 usec"
          }
        ]
      }
    ]
  }
}