module merlon/tools

go 1.26.0
