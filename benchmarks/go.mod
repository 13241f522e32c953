module benchmarks

go 1.22
