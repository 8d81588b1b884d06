<?php echo "The sum is ", strlen(str_repeat("x", (int) $_GET["n"])) + 22, ".";
