module languages

go 1.22
