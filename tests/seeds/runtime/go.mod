module seeds/runtime

go 1.25
