module shop

go 1.25

require seeds/runtime v0.0.0

replace seeds/runtime => ./runtime
