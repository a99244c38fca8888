module benchmark/servers

go 1.24
